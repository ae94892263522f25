package dev.hydra.libtorch.runtime;

import dev.hydra.libtorch.runtime.Operators.Operator;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/**
 * A matrix in int4 in the layout of LibTorch's product on its device.
 *
 * @param product that product
 * @param packed the integers, two in a byte
 * @param scales scales and zeros by turns, bfloat16 [in / 32, out, 2]
 * @param large whether all threads of a CPU are to multiply
 */
record Int4Copy(Product product, IValue packed, IValue scales, long outputs, boolean large)
    implements WeightCopies.Copy {
  /** The fewest weights that may share a scale. */
  static final long GROUP = 32;

  /** The compute capability, before its dot, from which on CUDA has a product. */
  static final int OLDEST = 8;

  /** The product computes {@code s (n - 8) + z} with n of 0 to 15; z is zero here. */
  private static final double MIDDLE = 8;

  /** The outputs of a product are a multiple of this: rows of zeros stand for those that lack. */
  private static final long OUTPUTS = 16;

  /** In CUDA's layout a thread finds the numbers of up to so many tiles of 16 inputs together. */
  private static final long MOST_TILES = 8;

  private static final long TILE = 16;

  /** The CPU's layout is made of blocks of so many rows, or fewer where there are no more. */
  private static final long BLOCK = 64;

  /** So many integers are laid out at once on the CPU, which takes four bytes for each. */
  private static final long AT_A_TIME = 1 << 22;

  /**
   * LibTorch's product on a device.
   *
   * @param pack makes the layout
   * @param mostRows it reads the weights once for so many rows; more are faster in bfloat16
   */
  private record Product(Operator pack, Operator multiply, long mostRows) {
    static final Product CPU =
        of("aten::_convert_weight_to_int4pack_for_cpu", "aten::_weight_int4pack_mm_for_cpu", 4);

    static final Product CUDA =
        of("aten::_convert_weight_to_int4pack", "aten::_weight_int4pack_mm", 16);

    private static Product of(String pack, String multiply, long mostRows) {
      return new Product(Operators.find(pack, ""), Operators.find(multiply, ""), mostRows);
    }
  }

  static Int4Copy of(Rounding rounded) {
    try (PointerScope scope = new PointerScope()) {
      long outputs = rounded.numbers().size(0);
      long more = Math.floorMod(-outputs, OUTPUTS);
      Tensor numbers = Tensors.pad(rounded.numbers(), 0, 0, more);
      boolean cuda = numbers.is_cuda();
      Tensor scales = Tensors.pad(rounded.scales(), 0, 0, more).t();
      IValue matrix = new IValue(cuda ? packedOnCuda(numbers) : packedOnCpu(numbers));
      IValue pairs = new IValue(Tensors.stack(2, scales, Tensors.mul(scales, 0)).contiguous());
      matrix.retainReference();
      pairs.retainReference();
      return new Int4Copy(
          cuda ? Product.CUDA : Product.CPU,
          matrix,
          pairs,
          outputs,
          !cuda && WeightCopies.isLarge(numbers));
    }
  }

  private static Tensor packedOnCuda(Tensor numbers) {
    Tensor shifted = Tensors.add(numbers, MIDDLE).to(ScalarType.Byte);
    Tensor pairs = shifted.view(shifted.size(0), -1, 2);
    Tensor bytes = Tensors.mul(pairs.select(2, 0), 16).add(pairs.select(2, 1)).to(ScalarType.Byte);
    return Product.CUDA.pack.call(bytes.contiguous(), tiles(numbers.size(1)))[0];
  }

  /** 8, 4 or 2: the most that divide the inputs evenly, a multiple of 32. */
  private static long tiles(long inputs) {
    return Math.min(MOST_TILES, Long.lowestOneBit(inputs / TILE));
  }

  private static Tensor packedOnCpu(Tensor numbers) {
    long rows = numbers.size(0);
    long step = Math.max(1, AT_A_TIME / numbers.size(1) / BLOCK) * BLOCK;
    Tensor packed = Tensors.empty(numbers, ScalarType.Byte, rows, numbers.size(1) / 2);
    for (long from = 0; from < rows; from += step) {
      long some = Math.min(step, rows - from);
      try (PointerScope scope = new PointerScope()) {
        Tensor part = Tensors.add(numbers.narrow(0, from, some).to(ScalarType.Int), MIDDLE);
        packed
            .narrow(0, from, some)
            .copy_(Product.CPU.pack.call(part.to(ScalarType.Int), MOST_TILES)[0]);
      }
    }
    return packed;
  }

  @Override
  public boolean takes(long rows) {
    return rows <= product.mostRows;
  }

  @Override
  public Tensor product(Tensor x, @Nullable Tensor bias) {
    long[] sizes = Tensors.sizes(x);
    Tensor rows = x.reshape(-1, x.size(-1)).contiguous();
    sizes[sizes.length - 1] = outputs;
    Tensor all = CpuThreads.all(large, () -> product.multiply.call(rows, packed, GROUP, scales)[0]);
    Tensor result = all.narrow(1, 0, outputs).contiguous().view(sizes);
    return bias == null ? result : result.add_(bias);
  }

  @Override
  public void close() {
    packed.close();
    scales.close();
  }
}
