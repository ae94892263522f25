/** Dense feed-forwards: every token passes the same two or three matrices. */
@NullMarked
package dev.hydra.ffn.dense;

import org.jspecify.annotations.NullMarked;
