/** Tests of experiments. */
@NullMarked
package dev.hydra.experiments;

import org.jspecify.annotations.NullMarked;
