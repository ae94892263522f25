/** Writes the Maven project of a new plugin. */
@NullMarked
package dev.hydra.cli.scaffold;

import org.jspecify.annotations.NullMarked;
