/** Shows runs on a page while they go on, and takes swaps from it. */
@NullMarked
package dev.hydra.cli.watch;

import org.jspecify.annotations.NullMarked;
