/** The mixer of Gated Delta Networks (arXiv 2412.06464) and what it is made of. */
@NullMarked
package dev.hydra.mixer.deltanet;

import org.jspecify.annotations.NullMarked;
