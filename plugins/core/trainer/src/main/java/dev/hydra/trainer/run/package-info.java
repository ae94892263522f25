/**
 * Runs a training from its first step, or from a checkpoint, to its last: the loop, its run folder
 * with checkpoints, metrics and journal, and the lock on it.
 */
@Export
@NullMarked
@Version("0.1.0")
package dev.hydra.trainer.run;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
