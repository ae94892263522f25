package dev.hydra.libtorch.runtime;

import dev.hydra.libtorch.runtime.Operators.Operator;
import java.util.Collection;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.Optional;
import java.util.Set;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Dispatcher;
import org.bytedeco.pytorch.GenericList;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/**
 * Copies of matrices in the layout in which oneDNN multiplies bfloat16 on a CPU. A product of one
 * row takes as long as the matrix takes to be read; a matrix that lies row by row is rearranged on
 * the way, which takes two to three times as long.
 *
 * <p>While they are {@link #use used}, products of the thread go by them. The matrices must not
 * change meanwhile. Each is copied at its first product; all copies together need the memory of the
 * matrices once more.
 */
public final class PackedWeights implements AutoCloseable {
  /** Of fewer numbers than this, a product is faster without the host's work for oneDNN. */
  private static final long LEAST = 1 << 14;

  /** Of so many numbers, a product of one row is faster with all threads: 1.5 MiB. */
  private static final long LARGE = 3 << 18;

  private static final ThreadLocal<PackedWeights> USED = new ThreadLocal<>();

  private final Set<Tensor> matrices = Collections.newSetFromMap(new IdentityHashMap<>());
  private final IdentityHashMap<Tensor, IValue[]> copies = new IdentityHashMap<>();

  /** Products go by the copies until it is closed. */
  public interface Use extends AutoCloseable {
    @Override
    void close();
  }

  /** oneDNN's product, and what it is always handed. */
  private static final class Product {
    private static final String NAME = "mkldnn::_linear_pointwise";
    private static final int SCALARS = 4;

    private static final Operator PACK = Operators.find("mkldnn::_reorder_linear_weight", "");
    private static final Operator MULTIPLY = Operators.find(NAME, "");
    private static final IValue NONE = new IValue();
    private static final IValue ALONE = new IValue("none");
    private static final IValue NO_SCALARS = noScalars();
    private static final IValue DEFAULT = new IValue("");

    private static IValue noScalars() {
      return new IValue(
          new GenericList(
              Dispatcher.singleton()
                  .findSchemaOrThrow(NAME, "")
                  .schema()
                  .arguments()
                  .getPointer(SCALARS)
                  .type()
                  .get()
                  .containedType(0)));
    }

    static {
      NONE.retainReference();
      ALONE.retainReference();
      NO_SCALARS.retainReference();
      DEFAULT.retainReference();
    }

    static Tensor of(Tensor x, IValue packed, @Nullable Tensor bias, boolean large) {
      Object term = bias == null ? NONE : bias;
      return CpuThreads.all(
          large, () -> MULTIPLY.call(x, packed, term, ALONE, NO_SCALARS, DEFAULT)[0]);
    }
  }

  /**
   * Prepares copies of matrices [out, in], and of those in stacks [n, out, in]. Tensors that are
   * not on the CPU, of other types and small are multiplied as ever.
   */
  public PackedWeights(Collection<Tensor> tensors) {
    if (ComputeType.cpuHasBf16()) {
      tensors.stream().filter(PackedWeights::gains).forEach(matrices::add);
    }
  }

  private static boolean isLarge(Tensor weight) {
    return weight.size(-1) * weight.size(-2) >= LARGE;
  }

  private static boolean gains(Tensor tensor) {
    return !tensor.is_cuda()
        && Tensors.type(tensor) == ScalarType.BFloat16
        && (tensor.dim() == 2 || tensor.dim() == 3)
        && tensor.size(-1) * tensor.size(-2) >= LEAST;
  }

  /** Lets the products of this thread go by the copies. */
  public Use use() {
    PackedWeights before = USED.get();
    USED.set(this);
    return () -> USED.set(before);
  }

  /**
   * Computes {@code x W^T (+ b)}, if there is a copy of W to be used.
   *
   * @param x [..., in]
   * @param weight [out, in]
   */
  static Optional<Tensor> product(Tensor x, Tensor weight, @Nullable Tensor bias) {
    return copies(weight).map(copy -> Product.of(x, copy[0], bias, isLarge(weight)));
  }

  /**
   * Returns the products of a stack of matrices, if there are copies of them to be used: without
   * them, an operator that computes all together is faster.
   *
   * @param stack [n, out, in]
   */
  public static Optional<OfStack> stack(Tensor stack) {
    return copies(stack).map(copies -> (x, i) -> Product.of(x, copies[i], null, isLarge(stack)));
  }

  /** The products of a stack of matrices. */
  public interface OfStack {
    /** Computes {@code x W_i^T}. */
    Tensor product(Tensor x, int i);
  }

  private static Optional<IValue[]> copies(Tensor weight) {
    PackedWeights used = USED.get();
    return used == null || !used.matrices.contains(weight)
        ? Optional.empty()
        : Optional.of(used.copies.computeIfAbsent(weight, PackedWeights::pack));
  }

  private static IValue[] pack(Tensor weight) {
    try (PointerScope scope = new PointerScope()) {
      long matrices = weight.dim() == 2 ? 1 : weight.size(0);
      IValue[] packed = new IValue[Math.toIntExact(matrices)];
      for (int i = 0; i < packed.length; i++) {
        Tensor matrix = weight.dim() == 2 ? weight : weight.select(0, i);
        packed[i] = new IValue(Product.PACK.call(matrix.detach(), 1L)[0]);
        packed[i].retainReference();
      }
      return packed;
    }
  }

  @Override
  public void close() {
    for (IValue[] each : copies.values()) {
      for (IValue copy : each) {
        copy.close();
      }
    }
    copies.clear();
  }
}
