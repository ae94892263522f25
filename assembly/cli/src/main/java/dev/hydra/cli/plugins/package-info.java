/** Plugins in the running process, and the jars that they come from. */
@NullMarked
package dev.hydra.cli.plugins;

import org.jspecify.annotations.NullMarked;
