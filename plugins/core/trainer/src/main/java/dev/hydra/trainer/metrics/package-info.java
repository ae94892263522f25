/**
 * Keeps what is measured in a run: named metrics, one JSON object a line, and the same as event
 * files of TensorBoard.
 */
@Export
@NullMarked
@Version("0.1.0")
package dev.hydra.trainer.metrics;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
