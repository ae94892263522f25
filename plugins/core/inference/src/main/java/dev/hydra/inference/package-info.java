/** Continues and scores token sequences with a model. */
@Export
@NullMarked
@Version("0.1.0")
package dev.hydra.inference;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
