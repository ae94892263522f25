package dev.hydra.inference;

import dev.hydra.api.Messages;
import dev.hydra.composer.model.DecodingMemory;
import dev.hydra.composer.model.Model;
import dev.hydra.libtorch.runtime.FreeMemory;
import java.util.function.LongSupplier;

/**
 * Refuses a text whose decoding state would not fit into the memory of the host before any of it is
 * made. Linux grants what there is not, and kills the process that uses it; a GPU refuses by
 * itself.
 */
public final class MemoryForText {
  /** Buffers of states grow by doubling from so many tokens. */
  private static final long FIRST_TOKENS = 256;

  private final Model model;
  private final LongSupplier free;

  /** Begins with a model, which has its memory already. */
  public MemoryForText(Model model) {
    this(model, FreeMemory::bytes);
  }

  /** Begins with a model and what gives the bytes that are free. */
  MemoryForText(Model model, LongSupplier free) {
    this.model = model;
    this.free = free;
  }

  /**
   * Checks that a text would fit on the host; of one on another device nothing is said.
   *
   * @param prompt tokens of the prompt, at least 1
   * @param maxTokens how many are to be drawn
   * @throws IllegalArgumentException if the text as a whole would not fit
   */
  public void check(int prompt, int maxTokens) {
    if (!model.placement().device().is_cpu()) {
      return;
    }
    long tokens = (long) prompt + maxTokens;
    double needed = bytes(tokens);
    long room = free.getAsLong();
    if (needed <= room) {
      return;
    }
    long fitting = FIRST_TOKENS;
    while (bytes(2 * fitting) <= room) {
      fitting *= 2;
    }
    throw new IllegalArgumentException(
        String.format(
            "a text of %,d tokens, %,d of the prompt and %,d to be drawn, takes %s of decoding state,"
                + " and %s of memory are free; %s",
            tokens,
            prompt,
            maxTokens,
            Messages.bytes(needed),
            Messages.bytes(room),
            bytes(fitting) > room
                ? "not even a short one would fit"
                : String.format("one of %,d tokens would fit", fitting)));
  }

  /** The bytes of the buffers that are there once so many tokens have been read or drawn. */
  private double bytes(long tokens) {
    long room = FIRST_TOKENS;
    while (room < tokens) {
      room *= 2;
    }
    return DecodingMemory.state(model, model.placement().compute(), room);
  }
}
