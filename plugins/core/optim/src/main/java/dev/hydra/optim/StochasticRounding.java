package dev.hydra.optim;

import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import java.nio.charset.StandardCharsets;
import java.util.zip.CRC32;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Rounds float32 to bfloat16, up or down by chance, so that the mean is kept. The chance is counter
 * based: a hash of seed, name, step and the number of the element, so that the same step rounds the
 * same way wherever and whenever it is made, and inside a CUDA graph.
 */
final class StochasticRounding {
  private static final long MASK = 0xffffffffL;
  private static final long HALF = 0xffffL;
  private static final long HIGH_BITS = -65536;

  private final long key;

  /** Creates the rounding of the tensors of one parameter. */
  StochasticRounding(long seed, String name) {
    CRC32 hash = new CRC32();
    hash.update((seed + " " + name).getBytes(StandardCharsets.UTF_8));
    key = hash.getValue();
  }

  /**
   * Draws 32 bits for each element.
   *
   * @param step the number of the step, without dimensions, on the device
   * @param elements int64: the numbers of the elements
   * @return int64 in [0, 2^32), of the shape of elements; the low and the high half are chances of
   *     two tensors
   */
  Tensor draw(Tensor step, Tensor elements) {
    return Scopes.keep(
        () -> {
          Tensor mixed = hash(step.to(ScalarType.Long).add(new Scalar(key)));
          return hash(elements.add(mixed));
        });
  }

  /** A hash of 32 bits by two multiplications, which stay within int64. */
  private static Tensor hash(Tensor value) {
    Tensor x = value.bitwise_and(new Scalar(MASK));
    x = round(x, 16, 0x21f0aaadL);
    x = round(x, 15, 0x735a2d97L);
    return x.bitwise_xor(x.__rshift__(new Scalar(15L)));
  }

  private static Tensor round(Tensor x, long shift, long factor) {
    return Tensors.mul(x.bitwise_xor(x.__rshift__(new Scalar(shift))), factor)
        .bitwise_and(new Scalar(MASK));
  }

  /**
   * Rounds.
   *
   * @param value float32
   * @param drawn see {@link #draw}
   * @param high whether to use the high half of it
   * @return bfloat16
   */
  static Tensor round(Tensor value, Tensor drawn, boolean high) {
    return Scopes.keep(
        () -> {
          Tensor chance = high ? drawn.__rshift__(new Scalar(16L)) : drawn;
          Tensor noise = chance.bitwise_and(new Scalar(HALF)).to(ScalarType.Int);
          Tensor bits = value.contiguous().view(ScalarType.Int).add(noise);
          return bits.bitwise_and(new Scalar((int) HIGH_BITS))
              .view(ScalarType.Float)
              .to(ScalarType.BFloat16);
        });
  }

  /** Numbers the elements of tensors of some sizes: int64. */
  static Tensor numbers(Tensor like) {
    return torch
        .arange(new Scalar(like.numel()), Tensors.like(like, ScalarType.Long))
        .view(Tensors.sizes(like));
  }
}
