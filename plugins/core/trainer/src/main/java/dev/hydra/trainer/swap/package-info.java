/** Swaps components of a training while it goes on, guards the steps after it and rolls back. */
@NullMarked
package dev.hydra.trainer.swap;

import org.jspecify.annotations.NullMarked;
