/** Attention as mixer: full causal, and sparse with a window and global positions. */
@NullMarked
package dev.hydra.mixer.attention;

import org.jspecify.annotations.NullMarked;
