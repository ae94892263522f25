/** Makes one optimizer step: forwards and backwards, gradients added up, clipping, the update. */
@Export
@NullMarked
@Version("0.1.0")
package dev.hydra.trainer.step;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
