package dev.hydra.cli;

import com.typesafe.config.ConfigFactory;
import dev.hydra.api.PluginRegistry;
import dev.hydra.composer.model.Components;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.Placement;
import dev.hydra.composer.spec.ModelSpec;
import dev.hydra.libtorch.kernels.KernelMode;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.optim.OptimizerSettings;
import dev.hydra.trainer.step.TrainingStep;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Takes training steps of a tiny model with a table, with CUDA kernels and without: the loss, the
 * gradient's norm, what several forwards leave of the table's, and AdamW have kernels, too.
 */
final class StepTrial {
  /** The programs that are tried. */
  static final List<String> PROGRAMS =
      List.of("adamw.cu", "gradient_norm.cu", "table_adamw.cu", "table_sum.cu", "cross_entropy.cu");

  /** Of the change of all parameters. Where a gradient is nearly zero, its sign is rounding. */
  private static final double BOUND = 0.05;

  private static final int VOCABULARY = 64;
  private static final int ROWS = 2;
  private static final int TOKENS = 64;
  private static final int STEPS = 2;
  private static final double RATE = 1e-2;

  private static final String MODEL =
      """
      model {
        vocab-size = 64, width = 64, depth = 1
        block.paths = [
          { ffn { type = swiglu, hidden = 64 } }
          { memory { type = pkm, keys = 32, key-dim = 32, value-dim = 32, heads = 1, top-k = 4 } }
        ]
      }
      """;

  private StepTrial() {}

  /**
   * Compares what parameters become.
   *
   * @throws RuntimeException if a kernel cannot be compiled, or the step differs
   */
  static String run(Components components, PluginRegistry plugins, Device device) {
    try (PointerScope scope = new PointerScope()) {
      Tensor before = parameters(KernelMode.PLAIN, components, plugins, device, 0);
      Tensor plain = parameters(KernelMode.PLAIN, components, plugins, device, STEPS);
      Tensor fused = parameters(KernelMode.FUSED, components, plugins, device, STEPS);
      Tensor change = plain.sub(before).norm();
      double error = Tensors.number(fused.sub(plain).norm().div(change));
      if (!(error < BOUND)) {
        throw new IllegalStateException(
            "after " + STEPS + " steps parameters are off by " + error + " of what they changed");
      }
      return String.format("agree with LibTorch's own operators (off by %.0e)", error);
    }
  }

  /** All parameters after some steps, float64 on the CPU, in one row. */
  private static Tensor parameters(
      KernelMode mode, Components components, PluginRegistry plugins, Device device, int steps) {
    OptimizerSettings optimizer =
        OptimizerSettings.read(
            ConfigFactory.parseString("learning-rate = 1e-2, weight-decay = 0"), plugins);
    try (KernelMode.Setting kernels = mode.set();
        Model model =
            Model.build(
                ModelSpec.read(ConfigFactory.parseString(MODEL)),
                components,
                new Placement(device, ScalarType.Float),
                0);
        TrainingStep training = new TrainingStep(model, optimizer)) {
      for (int i = 0; i < steps; i++) {
        int number = i;
        int forwards = i + 1;
        training.run(forward -> windows(STEPS * number + forward), forwards, RATE);
      }
      List<Tensor> all = new ArrayList<>();
      model
          .parameters()
          .all()
          .forEach(each -> all.add(each.master().to(Devices.cpu(), ScalarType.Double).flatten()));
      return Tensors.cat(0, all.toArray(Tensor[]::new));
    }
  }

  private static Tensor windows(int seed) {
    long[] tokens = new Random(seed).longs((long) ROWS * (TOKENS + 1), 0, VOCABULARY).toArray();
    return Tensor.create(tokens).view(ROWS, -1);
  }
}
