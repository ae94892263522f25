package dev.hydra.mixer.mamba;

import com.typesafe.config.ConfigFactory;
import dev.hydra.api.Role;
import dev.hydra.composer.model.Components;
import dev.hydra.composer.model.ForwardContext;
import dev.hydra.composer.model.Placement;
import dev.hydra.composer.model.StandaloneComponent;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.libtorch.runtime.Scopes;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Prints the speed of forward and backward of one mixer of width 128. Arguments: options in HOCON,
 * such as {@code "chunk = 32"}, one run each.
 */
final class Mamba2Benchmark {
  private static final int WIDTH = 128;
  private static final int ROUNDS = 12;
  private static final long[][] SHAPES = {{8, 256}, {1, 1024}, {1, 2048}, {1, 4096}, {1, 8192}};

  private Mamba2Benchmark() {}

  public static void main(String[] options) {
    for (String option : options.length == 0 ? new String[] {""} : options) {
      for (ScalarType type : new ScalarType[] {ScalarType.Float, ScalarType.BFloat16}) {
        for (long[] shape : SHAPES) {
          measure(option, type, shape[0], shape[1]);
        }
      }
    }
  }

  private static void measure(String options, ScalarType type, long batch, long time) {
    try (PointerScope scope = new PointerScope();
        StandaloneComponent mixer =
            new StandaloneComponent(
                Components.of(new Mamba2Factory()),
                Role.MIXER,
                ConfigFactory.parseString("type = mamba2\n" + options),
                WIDTH,
                WIDTH,
                new Placement(Devices.cpu(), type),
                1)) {
      Tensor x = torch.randn(batch, time, WIDTH).to(type).set_requires_grad(true);
      double forward = Double.POSITIVE_INFINITY;
      double both = Double.POSITIVE_INFINITY;
      for (int i = 0; i < ROUNDS; i++) {
        double[] seconds = new double[2];
        Scopes.run(() -> time(mixer, x, seconds));
        forward = Math.min(forward, seconds[0]);
        both = Math.min(both, seconds[1]);
      }
      System.out.printf(
          "%-12s %-9s %d x %4d  forward %7.2f ms  forward + backward %7.2f ms  %,9.0f tokens/s%n",
          options, type, batch, time, forward * 1e3, both * 1e3, batch * time / both);
    }
  }

  private static void time(StandaloneComponent mixer, Tensor x, double[] seconds) {
    try (ForwardContext forward = ForwardContext.training()) {
      long start = System.nanoTime();
      Tensor y = mixer.forward(x, forward);
      seconds[0] = (System.nanoTime() - start) * 1e-9;
      y.sum().backward();
      seconds[1] = (System.nanoTime() - start) * 1e-9;
    }
  }
}
