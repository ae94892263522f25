@NullMarked
package dev.hydra.cli.scaffold;

import org.jspecify.annotations.NullMarked;
