/** Tests of the attention mixers. */
@NullMarked
package dev.hydra.mixer.attention;

import org.jspecify.annotations.NullMarked;
