/** Tests of the dense feed-forwards. */
@NullMarked
package dev.hydra.ffn.dense;

import org.jspecify.annotations.NullMarked;
