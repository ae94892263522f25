/** Tests of the trainer. */
@NullMarked
package dev.hydra.trainer;

import org.jspecify.annotations.NullMarked;
