/** Mixers on selective state spaces: Mamba-2 (arXiv 2405.21060) and what it is made of. */
@NullMarked
package dev.hydra.mixer.mamba;

import org.jspecify.annotations.NullMarked;
