/** A feed-forward of many experts, of which a router chooses a few for each token. */
@NullMarked
package dev.hydra.ffn.moe;

import org.jspecify.annotations.NullMarked;
