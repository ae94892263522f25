package dev.hydra.cli;

import dev.hydra.cli.common.UsageException;
import dev.hydra.inference.EngineLimits;
import org.bytedeco.pytorch.Device;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Bounds of an engine. */
final class EngineArguments {
  @Option(
      names = "--max-sessions",
      paramLabel = "N",
      description = "How many texts are continued at the same time (default: ${DEFAULT-VALUE}).")
  private int sessions = EngineLimits.DEFAULT.sessions();

  @Option(
      names = "--max-waiting",
      paramLabel = "N",
      description = "How many more may wait; others are refused (default: ${DEFAULT-VALUE}).")
  private int waiting = EngineLimits.DEFAULT.waiting();

  @Option(
      names = "--max-context",
      paramLabel = "N",
      description =
          "The most tokens of a text, those to draw included (default: ${DEFAULT-VALUE}).")
  private int context = EngineLimits.DEFAULT.context();

  @Option(
      names = "--prefill",
      paramLabel = "N",
      description =
          "The most tokens of prompts that are read between two decoding steps (default: 512 on a"
              + " CPU, 16384 on CUDA).")
  private @Nullable Integer prefill;

  @Option(
      names = "--prefix-cache",
      paramLabel = "MIB",
      description =
          "MiB of decoding states that are kept for texts that begin as others did; 0 for none"
              + " (default: ${DEFAULT-VALUE}).")
  private int prefixes = (int) (EngineLimits.DEFAULT.prefixBytes() >> 20);

  /** Refuses what is no bound, before anything is read. */
  void check() {
    boolean reads = prefill == null || prefill >= 1;
    if (sessions < 1 || waiting < 0 || context < 1 || !reads || prefixes < 0) {
      throw new UsageException(
          "--max-sessions, --max-context and --prefill must be at least 1, --max-waiting and"
              + " --prefix-cache at least 0");
    }
  }

  /** The bounds of an engine on a device. */
  EngineLimits limits(Device device) {
    int read = prefill == null ? EngineLimits.prefillOn(device) : prefill;
    return new EngineLimits(sessions, waiting, context, read, (long) prefixes << 20);
  }
}
