package dev.hydra.inference;

import org.bytedeco.pytorch.Device;

/**
 * The bounds of an engine.
 *
 * @param sessions how many texts are continued at the same time
 * @param waiting how many more may wait for their turn
 * @param context the most tokens of a text, those to draw included
 * @param prefill the most tokens of prompts that are read between two decoding steps
 * @param prefixBytes the most bytes of decoding states that are kept of texts, for others that
 *     begin as these do; 0 to keep none
 */
public record EngineLimits(int sessions, int waiting, int context, int prefill, long prefixBytes) {
  /** Bounds for a server on one machine. */
  public static final EngineLimits DEFAULT = new EngineLimits(64, 256, 32_768, 512, 512L << 20);

  /**
   * Returns how many tokens of prompts are best read between two decoding steps: 512 on a CPU,
   * which holds up other texts for as long as that takes; 16,384 on CUDA, where the host takes as
   * long to issue a short piece as the device takes for a long one.
   */
  public static int prefillOn(Device device) {
    return device.is_cuda() ? 16_384 : DEFAULT.prefill;
  }

  /** Checks the ranges. */
  public EngineLimits {
    if (sessions < 1 || waiting < 0 || context < 1 || prefill < 1 || prefixBytes < 0) {
      throw new IllegalArgumentException(
          "an engine needs room for one session, one token of context and one of prefill at least");
    }
  }

  /** Refuses a request for more tokens than a text may have. */
  void check(Request request) {
    long tokens = (long) request.prompt().length + request.maxTokens();
    if (tokens > context) {
      throw new IllegalArgumentException(
          "the prompt has "
              + request.prompt().length
              + (request.prompt().length == 1 ? " token and " : " tokens and ")
              + request.maxTokens()
              + " are to be drawn, which are more than the "
              + context
              + " of the context; shorten one of them");
    }
  }
}
