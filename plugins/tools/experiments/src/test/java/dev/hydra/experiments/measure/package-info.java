@NullMarked
package dev.hydra.experiments.measure;

import org.jspecify.annotations.NullMarked;
