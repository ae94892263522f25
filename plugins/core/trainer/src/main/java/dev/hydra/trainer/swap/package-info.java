/** Swaps components of a training while it goes on, guards the steps after it and rolls back. */
@Export
@NullMarked
@Version("0.1.0")
package dev.hydra.trainer.swap;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
