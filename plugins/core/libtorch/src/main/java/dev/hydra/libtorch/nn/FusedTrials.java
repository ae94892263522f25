package dev.hydra.libtorch.nn;

import dev.hydra.libtorch.autograd.Backward;
import dev.hydra.libtorch.kernels.KernelMode;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Tries the operators of CUDA kernels in this package, forward and backward, on a device. */
public final class FusedTrials {
  private static final double BOUND = 1e-4;
  private static final double EPSILON = 1e-5;
  private static final long BATCH = 2;
  private static final long TIME = 50;
  private static final long WIDTH = 48;
  private static final long TAPS = 4;
  private static final long HEADS = 2;

  private FusedTrials() {}

  /**
   * What a trial found.
   *
   * @param operator its name
   * @param error the norm of the difference to LibTorch's own operators, over the norm of theirs;
   *     of the result and all gradients the largest
   */
  public record Report(String operator, double error) {}

  /**
   * Runs every operator in float32 and compares it with its plain twin.
   *
   * @param device a CUDA device
   * @throws dev.hydra.libtorch.kernels.KernelException if one cannot be compiled or launched
   * @throws IllegalStateException if one computes something else
   */
  public static List<Report> run(Device device) {
    List<Report> reports = new ArrayList<>();
    operators().forEach((name, operator) -> reports.add(compare(name, operator, device)));
    return reports;
  }

  /** Operators of inputs [BATCH, TIME, WIDTH], twice, and weights [WIDTH, 1, TAPS]. */
  private static Map<String, Function<Tensor[], Tensor>> operators() {
    Map<String, Function<Tensor[], Tensor>> operators = new LinkedHashMap<>();
    operators.put("causal convolution", in -> convolved(in[0], in[2]));
    operators.put(
        "RMS norm of a sum",
        in -> {
          Norms.Summed summed =
              Norms.rmsOfStream(
                  in[0],
                  Optional.of(in[1]),
                  scale(in[2]),
                  EPSILON,
                  ScalarType.Float,
                  ScalarType.Float);
          return summed.normed().add(summed.sum());
        });
    operators.put(
        "gated RMS norm",
        in -> new RmsNorm(scale(in[2]), 3, EPSILON).ofGated(in[0], in[1]).tensor());
    operators.put(
        "gated RMS norm and a map",
        in ->
            new RmsNorm(scale(in[2]), 3, EPSILON)
                .ofGated(in[0], in[1])
                .linear(in[1].select(0, 0).narrow(0, 0, WIDTH)));
    operators.put("SwiGLU", in -> GatedActivation.SILU.apply(in[0], in[1]).tensor());
    operators.put(
        "GEGLU", in -> GatedActivation.GELU.ofHalves(Tensors.cat(-1, in[0], in[1])).tensor());
    operators.put(
        "SwiGLU and a map",
        in ->
            GatedActivation.SILU
                .apply(in[0], in[1])
                .linear(in[1].select(0, 0).narrow(0, 0, WIDTH)));
    operators.put(
        "rotary positions",
        in -> rotation(in[0]).apply(heads(in[0]), Tensors.type(in[0])).flatten(2, 3));
    operators.put(
        "rotary positions of a norm",
        in ->
            rotation(in[0])
                .ofNorm(
                    heads(in[0]),
                    scale(in[2]).narrow(0, 0, WIDTH / HEADS),
                    EPSILON,
                    Tensors.type(in[0]))
                .flatten(2, 3));
    operators.put("cross-entropy", in -> lost(in[0], in[1].reshape(-1, WIDTH)));
    operators.put("products of groups", in -> grouped(in[0], in[1]));
    return operators;
  }

  private static Rotation rotation(Tensor x) {
    Tensor angles = Tensors.range(0, TIME * WIDTH / 8, x).view(1, TIME, 1, -1).to(Tensors.type(x));
    return new Rotation(angles.cos(), angles.sin());
  }

  private static Tensor heads(Tensor x) {
    return x.unflatten(2, HEADS, -1);
  }

  /** Every token has a class of its own. */
  private static Tensor lost(Tensor hidden, Tensor weight) {
    return LinearCrossEntropy.of(hidden, weight, 1, Tensors.range(0, BATCH * TIME, hidden));
  }

  /** Two groups of rows, of which the first has fewer, each with a matrix. */
  private static Tensor grouped(Tensor x, Tensor weights) {
    long fewer = TIME / 4;
    Tensor ends = Tensors.mul(Tensors.range(0, BATCH, x), TIME + fewer);
    return GroupedLinear.apply(
            x.flatten(0, 1),
            weights.narrow(1, 0, WIDTH),
            Tensors.add(ends, TIME - fewer).to(ScalarType.Int))
        .view(BATCH, TIME, -1);
  }

  private static Tensor scale(Tensor weights) {
    return weights.select(2, 0).flatten();
  }

  private static Tensor convolved(Tensor x, Tensor weight) {
    Optional<Tensor> documents;
    try (Scalar length = new Scalar(7L)) {
      Tensor number = Tensors.range(0, TIME, x).floor_divide(length);
      documents = Optional.of(number.repeat(BATCH, 1));
    }
    ConvInput in = new ConvInput(x, weight, Optional.empty(), documents, Optional.empty());
    return FusedConv.of(in)
        .map(fused -> fused.compute(in, documents.map(fused::masks)))
        .orElseGet(() -> ConvFunction.compute(in));
  }

  private static Report compare(String name, Function<Tensor[], Tensor> operator, Device device) {
    try (PointerScope scope = new PointerScope()) {
      Tensor[] inputs = {
        random(device, BATCH, TIME, WIDTH),
        random(device, BATCH, TIME, WIDTH),
        random(device, WIDTH, 1, TAPS)
      };
      Tensor dy = random(device, BATCH, TIME, WIDTH);
      List<Tensor> plain = results(KernelMode.PLAIN, operator, inputs, dy);
      List<Tensor> fused = results(KernelMode.FUSED, operator, inputs, dy);
      double error = 0;
      for (int i = 0; i < plain.size(); i++) {
        Tensor difference = fused.get(i).sub(plain.get(i)).norm();
        error = Math.max(error, Tensors.number(difference.div(plain.get(i).norm())));
        if (!(error < BOUND)) {
          throw new IllegalStateException(
              name + " by CUDA kernels is off by " + error + " of what LibTorch computes");
        }
      }
      return new Report(name, error);
    }
  }

  private static Tensor random(Device device, long... sizes) {
    return torch.randn(sizes).to(device, ScalarType.Float);
  }

  /** The result and the gradients of the inputs that it depends on. */
  private static List<Tensor> results(
      KernelMode mode, Function<Tensor[], Tensor> operator, Tensor[] inputs, Tensor dy) {
    try (KernelMode.Setting kernels = mode.set()) {
      Tensor[] leaves = new Tensor[inputs.length];
      Arrays.setAll(leaves, i -> inputs[i].clone().detach().set_requires_grad(true));
      Tensor y = operator.apply(leaves);
      Backward.run(y.mul(dy).sum());
      List<Tensor> results = new ArrayList<>(List.of(y.detach()));
      for (Tensor leaf : leaves) {
        if (leaf.grad().defined()) {
          results.add(leaf.grad());
        }
      }
      return results;
    }
  }
}
