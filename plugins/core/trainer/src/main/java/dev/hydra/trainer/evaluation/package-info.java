/** Scores a model on held-out text and collects what its components observe. */
@Export
@NullMarked
@Version("0.1.0")
package dev.hydra.trainer.evaluation;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
