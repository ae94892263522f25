@NullMarked
package dev.hydra.bench;

import org.jspecify.annotations.NullMarked;
