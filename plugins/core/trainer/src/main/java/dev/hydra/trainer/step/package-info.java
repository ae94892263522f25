/** Makes one optimizer step: forwards and backwards, gradients added up, clipping, the update. */
@NullMarked
package dev.hydra.trainer.step;

import org.jspecify.annotations.NullMarked;
