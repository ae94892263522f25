/** A memory of very many rows that a token reads a few of: product keys. */
@NullMarked
package dev.hydra.memory.pkm;

import org.jspecify.annotations.NullMarked;
