@NullMarked
package dev.hydra.ffn.moe;

import org.jspecify.annotations.NullMarked;
