package dev.hydra.libtorch.nn;

import dev.hydra.libtorch.runtime.Tensors;
import java.util.List;
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
  public record Summed(Tensor sum, Tensor normed) {
    /** Returns it with a norm whose readers add their gradients up, see {@link GradientSum}. */
    public Summed shared() {
      return new Summed(sum, GradientSum.of(normed));
    }
  }

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
   * Normalises groups of channels, each by weights of its own.
   *
   * @param x [..., groups * width]
   * @param weight [groups, width]
   * @param epsilon added to the mean square
   * @param type of the result; computed in the wider of it and that of x
   */
  public static Tensor rmsOfGroups(Tensor x, Tensor weight, double epsilon, ScalarType type) {
    return of(
        new NormInput(
            x, Optional.empty(), Optional.of(weight.flatten()), weight.size(1), 1, epsilon, type));
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
   * Normalises what is in the residual stream, and hands the stream on: so what comes back to it is
   * added to the gradient of the norm where that is computed.
   *
   * @param stream [..., width]
   * @param addend what is added to the stream before, of the same shape, of the type of the stream
   *     or a narrower one
   * @param weight [width]
   * @param epsilon added to the mean square
   * @param type of the norm; computed in the wider of it and that of the stream
   */
  public static Summed rmsOfStream(
      Tensor stream, Optional<Tensor> addend, Tensor weight, double epsilon, ScalarType type) {
    NormInput in =
        new NormInput(
            addend.orElse(stream),
            addend.map(y -> stream),
            Optional.of(weight),
            weight.size(0),
            1,
            epsilon,
            type);
    Optional<FusedNorm> fused = FusedNorm.ofStream(in);
    if (fused.isPresent()) {
      Tensor[] found = fused.get().compute(in);
      return new Summed(found[0], found[1]);
    }
    Optional<HostNorm> host = HostNorm.of(in);
    if (host.isPresent()) {
      Tensor[] found = host.get().compute();
      return new Summed(found[0], found[1]);
    }
    Tensor sum = in.plainSum();
    return new Summed(sum, in.plainNorm(sum));
  }

  /**
   * Adds to the stream what gates let through, and normalises the sum, likewise.
   *
   * @param addends in the order in which they are added
   * @param last what is added after them
   * @return nothing if CUDA kernels cannot do that in one pass; the addends are then to be added
   *     before
   */
  public static Optional<Summed> rmsOfGated(
      Tensor stream,
      List<GatedAddend> addends,
      Optional<TokenGatedAddend> last,
      Tensor weight,
      double epsilon,
      ScalarType type) {
    return last.map(
            gate -> FusedTokenGateNorm.compute(stream, addends, gate, weight, epsilon, type))
        .orElseGet(() -> FusedStreamNorm.compute(stream, addends, weight, epsilon, type))
        .map(found -> new Summed(found[0], found[1]));
  }

  /** Computes the norm of what is added to nothing. */
  static Tensor of(NormInput in) {
    return FusedNorm.of(in)
        .map(fused -> fused.compute(in)[0])
        .or(() -> HostNorm.of(in).map(host -> host.compute()[1]))
        .orElseGet(() -> in.plainNorm(in.x()));
  }
}
