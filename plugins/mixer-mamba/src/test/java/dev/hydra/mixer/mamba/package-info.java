@NullMarked
package dev.hydra.mixer.mamba;

import org.jspecify.annotations.NullMarked;
