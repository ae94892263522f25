/** Compares runs by what they have left in their folders, as tables, as JSON and as a page. */
@NullMarked
package dev.hydra.cli.compare;

import org.jspecify.annotations.NullMarked;
