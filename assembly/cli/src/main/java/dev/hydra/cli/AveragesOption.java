package dev.hydra.cli;

import dev.hydra.cli.common.UsageException;
import dev.hydra.libtorch.safetensors.TensorReplacements;
import dev.hydra.trainer.run.Checkpoint;
import java.io.IOException;
import java.util.Optional;
import picocli.CommandLine.Option;

/** Chooses between the weights of a checkpoint and their averages. */
final class AveragesOption {
  @Option(
      names = "--ema",
      description = "The weights as averaged by trainer.ema, not as they are after the last step.")
  private boolean ema;

  /**
   * Returns the averages, if they are asked for.
   *
   * @throws UsageException if the checkpoint has none
   */
  Optional<TensorReplacements> of(Checkpoint checkpoint) throws IOException {
    if (!ema) {
      return Optional.empty();
    }
    Optional<TensorReplacements> averages = checkpoint.averages();
    if (averages.isEmpty()) {
      throw new UsageException(
          checkpoint.folder()
              + " has no averages of its weights; leave --ema out, or train with --set"
              + " trainer.ema.decay=0.999");
    }
    return averages;
  }
}
