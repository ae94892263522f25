package dev.hydra.libtorch.runtime;

import dev.hydra.libtorch.runtime.Operators.Operator;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;

/** A matrix in int8 [out, in] and its scales [out], on the CPU. */
record Int8Copy(IValue numbers, IValue scales, long outputs, boolean large)
    implements WeightCopies.Copy {
  /** Its instructions read 16 numbers of x at a time, from addresses like that. */
  private static final long ALIGNMENT = 64;

  private static final Operator MULTIPLY = Operators.find("aten::_weight_int8pack_mm", "");

  static Int8Copy of(Rounding rounded) {
    Tensor matrix = rounded.numbers();
    IValue numbers = new IValue(matrix);
    IValue scales = new IValue(rounded.scales().view(-1));
    numbers.retainReference();
    scales.retainReference();
    return new Int8Copy(numbers, scales, matrix.size(0), WeightCopies.isLarge(matrix));
  }

  /**
   * Any number: a row's sums are the same to the last digit whatever rows are beside it. Many rows
   * would be faster in bfloat16, but of weights that are rounded once more.
   */
  @Override
  public boolean takes(long rows) {
    return true;
  }

  @Override
  public Tensor product(Tensor x, @Nullable Tensor bias) {
    long[] sizes = Tensors.sizes(x);
    Tensor rows = aligned(x.reshape(-1, x.size(-1)).contiguous());
    sizes[sizes.length - 1] = outputs;
    Tensor product =
        CpuThreads.all(large, () -> MULTIPLY.call(rows, numbers, scales)[0]).view(sizes);
    return bias == null ? product : product.add_(bias);
  }

  private static Tensor aligned(Tensor rows) {
    return Tensors.address(rows) % ALIGNMENT == 0 ? rows : rows.clone();
  }

  @Override
  public void close() {
    numbers.close();
    scales.close();
  }
}
