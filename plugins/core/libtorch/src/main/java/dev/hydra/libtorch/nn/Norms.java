package dev.hydra.libtorch.nn;

import dev.hydra.libtorch.runtime.Tensors;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Root mean square norms over the last dimension (arXiv 1910.07467), by CUDA kernels where they can
 * be used. Groups of channels side by side in it may be normalised each on its own.
 */
public final class Norms {
  private Norms() {}

  /**
   * A sum and its norm.
   *
   * @param sum in the type of the residual stream
   * @param normed in the type that was asked for
   */
  public record Summed(Tensor sum, Tensor normed) {}

  /**
   * Normalises every group of as many channels as there are weights.
   *
   * @param x [..., groups * width]
   * @param weight [width]
   * @param epsilon added to the mean square
   * @param type of the result; computed in the wider of it and that of x
   */
  public static Tensor rms(Tensor x, Tensor weight, double epsilon, ScalarType type) {
    return of(
        new NormInput(x, Optional.empty(), Optional.of(weight), weight.size(0), 1, epsilon, type));
  }

  /**
   * Normalises every group of so many channels to a root mean square of {@code factor}.
   *
   * @param x [..., groups * width]
   * @param epsilon added to the mean square
   */
  public static Tensor rms(Tensor x, long width, double factor, double epsilon) {
    return of(
        new NormInput(
            x, Optional.empty(), Optional.empty(), width, factor, epsilon, Tensors.type(x)));
  }

  /**
   * Adds to the residual stream, and normalises the sum.
   *
   * @param stream [..., width]
   * @param x of the same shape, of the type of the stream or a narrower one
   * @param weight [width]
   * @param epsilon added to the mean square
   * @param type of the norm; computed in the wider of it and that of the stream
   */
  public static Summed rmsOfSum(
      Tensor stream, Tensor x, Tensor weight, double epsilon, ScalarType type) {
    NormInput in =
        new NormInput(
            x, Optional.of(stream), Optional.of(weight), weight.size(0), 1, epsilon, type);
    Optional<FusedNorm> fused = FusedNorm.of(in);
    if (fused.isPresent()) {
      Tensor[] both = fused.get().compute(in);
      return new Summed(both[0], both[1]);
    }
    Tensor sum = in.plainSum();
    return new Summed(sum, in.plainNorm(sum));
  }

  /** Computes the norm of what is added to nothing. */
  static Tensor of(NormInput in) {
    return FusedNorm.of(in)
        .map(fused -> fused.compute(in)[0])
        .orElseGet(() -> in.plainNorm(in.x()));
  }
}
