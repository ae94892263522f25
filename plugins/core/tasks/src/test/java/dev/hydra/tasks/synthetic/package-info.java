/** Tests of what generated examples are like. */
@NullMarked
package dev.hydra.tasks.synthetic;

import org.jspecify.annotations.NullMarked;
