/** Tests of examples, and what tests of tasks share. */
@NullMarked
package dev.hydra.tasks;

import org.jspecify.annotations.NullMarked;
