@NullMarked
package dev.hydra.cli.experiment;

import org.jspecify.annotations.NullMarked;
