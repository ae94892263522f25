package dev.hydra.libtorch.nn;

import dev.hydra.libtorch.runtime.Tensors;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Rotations of heads by the positions of their tokens (RoFormer, arXiv 2104.09864, eq. 34) in the
 * half layout of Llama: dimensions {@code i} and {@code half + i} are a pair. By CUDA kernels where
 * they can be used.
 *
 * @param cos [1 or batch, time, 1, half], at least float32
 * @param sin of the same shape and type
 */
public record Rotation(Tensor cos, Tensor sin) {
  /**
   * Turns the pairs, and leaves dimensions beyond as they are.
   *
   * @param x [batch, time, heads, headDim], headDim at least {@code 2 half}
   * @param type of the result; computed in the type of the cosines
   */
  public Tensor apply(Tensor x, ScalarType type) {
    Optional<FusedRotation> fused = FusedRotation.of(this, x, type);
    return fused
        .map(kernel -> kernel.compute(this, x))
        .or(() -> HostRotation.of(this, x, type).map(host -> host.compute(x, type)))
        .orElseGet(() -> Tensors.cast(plain(x), type));
  }

  /**
   * Normalises every head to a root mean square of 1, times weights, and turns the pairs.
   *
   * @param x [batch, time, heads, headDim], headDim at least {@code 2 half}
   * @param weight [headDim]
   * @param epsilon added to the mean square
   * @param type of the result; computed in the type of the cosines
   */
  public Tensor ofNorm(Tensor x, Tensor weight, double epsilon, ScalarType type) {
    return FusedNormedRotation.of(this, x, weight, epsilon, type)
        .map(fused -> fused.compute(this, x, weight))
        .orElseGet(() -> apply(Norms.rms(x, weight, epsilon, Tensors.type(cos)), type));
  }

  /** Turns by LibTorch's operators. */
  Tensor plain(Tensor x) {
    long half = cos.size(3);
    Tensor wide = Tensors.upcast(x);
    Tensor first = Tensors.slice(wide, 3, 0, half);
    Tensor second = Tensors.slice(wide, 3, half, 2 * half);
    Tensor turnedFirst = first.mul(cos).sub(second.mul(sin));
    Tensor turnedSecond = second.mul(cos).add(first.mul(sin));
    return 2 * half == x.size(3)
        ? Tensors.cat(3, turnedFirst, turnedSecond)
        : Tensors.cat(3, turnedFirst, turnedSecond, Tensors.slice(wide, 3, 2 * half, x.size(3)));
  }
}
