package dev.hydra.libtorch.nn;

import dev.hydra.libtorch.autograd.Backward;
import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.kernels.KernelLaunches;
import dev.hydra.libtorch.kernels.KernelMode;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Function;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * An operator of CUDA kernels, and what it is tried on: random numbers, two tensors [{@link
 * #BATCH}, {@link #TIME}, {@link #WIDTH}] and one [{@link #WIDTH}, 1, {@link #TAPS}].
 *
 * @param operator its name
 * @param programs those that it runs
 * @param type of what it is given
 * @param backward whether it has gradients; then the result is as large as the first two tensors
 * @param compute computes it by kernels, or by its plain twin where they are not to be used
 */
record FusedTrial(
    String operator,
    List<String> programs,
    ScalarType type,
    boolean backward,
    Function<Tensor[], Tensor> compute) {
  static final long BATCH = 2;
  static final long TIME = 50;
  static final long WIDTH = 48;
  static final long TAPS = 4;

  /** Sums in another order: a few bits of 24. */
  private static final double FLOAT32_BOUND = 1e-4;

  /** The twin rounds to 8 bits between its operators, where kernels do not. */
  private static final double BFLOAT16_BOUND = 2e-2;

  /** An operator in float32, with gradients. */
  static FusedTrial training(
      String operator, List<String> programs, Function<Tensor[], Tensor> compute) {
    return new FusedTrial(operator, programs, ScalarType.Float, true, compute);
  }

  /** An operator in a type, without gradients. */
  static FusedTrial decoding(
      String operator, ScalarType type, String program, Function<Tensor[], Tensor> compute) {
    return new FusedTrial(operator, List.of(program), type, false, compute);
  }

  /**
   * Runs the kernels and the twin, and compares them.
   *
   * @return what {@link #error} says of the kernels
   * @throws IllegalStateException if one of the programs did not run, or computes something else
   */
  double run(Device device) {
    try (PointerScope scope = new PointerScope()) {
      Tensor[] inputs = inputs(device);
      List<Tensor> fused = KernelLaunches.demand(programs, () -> results(KernelMode.FUSED, inputs));
      double error = error(fused, results(KernelMode.PLAIN, inputs));
      double bound = type == ScalarType.Float ? FLOAT32_BOUND : BFLOAT16_BOUND;
      if (!(error < bound)) {
        throw new IllegalStateException("the kernels for " + operator + " are off by " + error);
      }
      return error;
    }
  }

  /** Random numbers to try it on; the last one is what gradients start from. */
  Tensor[] inputs(Device device) {
    return new Tensor[] {
      random(device, BATCH, TIME, WIDTH),
      random(device, BATCH, TIME, WIDTH),
      random(device, WIDTH, 1, TAPS),
      random(device, BATCH, TIME, WIDTH)
    };
  }

  private Tensor random(Device device, long... sizes) {
    return torch.randn(sizes).to(device, type);
  }

  /** The result, and the gradients of the inputs that it depends on. */
  List<Tensor> results(KernelMode mode, Tensor... inputs) {
    Tensor[] leaves = new Tensor[inputs.length - 1];
    Arrays.setAll(leaves, i -> inputs[i].clone().detach());
    try (KernelMode.Setting kernels = mode.set()) {
      if (!backward) {
        try (Grad off = Grad.off()) {
          return List.of(compute.apply(leaves));
        }
      }
      for (Tensor leaf : leaves) {
        leaf.set_requires_grad(true);
      }
      Tensor y = compute.apply(leaves);
      Backward.run(y.mul(inputs[leaves.length]).sum());
      List<Tensor> results = new ArrayList<>(List.of(y.detach()));
      for (Tensor leaf : leaves) {
        if (leaf.grad().defined()) {
          results.add(leaf.grad());
        }
      }
      return results;
    }
  }

  /** The norm of the difference over the norm of what is expected, the largest of all results. */
  static double error(List<Tensor> found, List<Tensor> expected) {
    double error = 0;
    for (int i = 0; i < expected.size(); i++) {
      Tensor right = Tensors.upcast(expected.get(i));
      Tensor difference = Tensors.upcast(found.get(i)).sub(right).norm();
      error = Math.max(error, Tensors.number(difference.div(right.norm())));
    }
    return error;
  }
}
