/**
 * Trains models: the loop, its run folder with checkpoints, metrics and journal, evaluation, and
 * text generation with the result.
 */
@Export
@NullMarked
@Version("0.1.0")
package dev.hydra.trainer;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
