/** What {@code hydra bench swap} measures and proves. */
@NullMarked
package dev.hydra.cli.swapbench;

import org.jspecify.annotations.NullMarked;
