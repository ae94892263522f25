/** A memory of slots that the tokens of a sequence read and write, chunk by chunk. */
@NullMarked
package dev.hydra.memory.workspace;

import org.jspecify.annotations.NullMarked;
