package dev.hydra.libtorch.nn;

import dev.hydra.libtorch.runtime.Tensors;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * What a root mean square norm is computed of.
 *
 * @param x [..., groups * width]
 * @param residual what x is added to before, of its shape
 * @param weight [width], for all groups, or [groups * width]
 * @param width the channels that are normalised together
 * @param factor the weight where there is none
 * @param epsilon added to the mean square
 * @param type of the result
 */
record NormInput(
    Tensor x,
    Optional<Tensor> residual,
    Optional<Tensor> weight,
    long width,
    double factor,
    double epsilon,
    ScalarType type) {
  /** The same norm of another x. */
  NormInput of(Tensor other) {
    return new NormInput(other, residual, weight, width, factor, epsilon, type);
  }

  /** The groups of a row. */
  long groups() {
    return x.size(-1) / width;
  }

  /** Whether each group has weights of its own. */
  boolean ownWeights() {
    return groups() > 1 && weight.map(w -> w.size(0) != width).orElse(false);
  }

  /** Computes the sum by LibTorch's operators: x, if there is nothing to add it to. */
  Tensor plainSum() {
    return residual.map(stream -> stream.add(Tensors.cast(x, Tensors.type(stream)))).orElse(x);
  }

  /** Computes the norm of a sum by LibTorch's operators, in the wider type of it and the result. */
  Tensor plainNorm(Tensor sum) {
    ScalarType wide = type == ScalarType.BFloat16 ? Tensors.type(sum) : type;
    Tensor values = Tensors.cast(sum, wide);
    Optional<Tensor> scale = weight.map(w -> Tensors.cast(w, wide));
    return Tensors.cast(Tensors.scaled(normed(values, scale), factor), type);
  }

  private Tensor normed(Tensor values, Optional<Tensor> scale) {
    if (groups() == 1) {
      return scale
          .map(w -> Tensors.rmsNorm(values, w, epsilon))
          .orElseGet(() -> Tensors.rmsNorm(values, epsilon));
    }
    Tensor grouped = values.unflatten(-1, groups(), width);
    if (ownWeights()) {
      return Tensors.rmsNorm(grouped, epsilon).flatten(-2, -1).mul(scale.orElseThrow());
    }
    return scale
        .map(w -> Tensors.rmsNorm(grouped, w, epsilon))
        .orElseGet(() -> Tensors.rmsNorm(grouped, epsilon))
        .flatten(-2, -1);
  }
}
