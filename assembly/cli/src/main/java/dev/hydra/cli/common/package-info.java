/** What all of the command line uses. */
@NullMarked
package dev.hydra.cli.common;

import org.jspecify.annotations.NullMarked;
