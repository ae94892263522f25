/** Attention as mixer: full causal, in a sliding window, and in a window with global positions. */
@NullMarked
package dev.hydra.mixer.attention;

import org.jspecify.annotations.NullMarked;
