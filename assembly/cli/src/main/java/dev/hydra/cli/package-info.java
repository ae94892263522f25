/** The command line of Hydra. */
@NullMarked
package dev.hydra.cli;

import org.jspecify.annotations.NullMarked;
