package dev.hydra.libtorch.runtime;

import dev.hydra.libtorch.runtime.Operators.Operator;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Dispatcher;
import org.bytedeco.pytorch.GenericList;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * Copies of matrices in the layout in which oneDNN multiplies bfloat16 on a CPU. A product of one
 * row takes as long as the matrix takes to be read; a matrix that lies row by row is rearranged on
 * the way, which takes two to three times as long.
 *
 * <p>Each is copied at its first product, one under another with those that are multiplied by
 * together; all copies need the memory of the matrices once more.
 */
public final class PackedWeights extends WeightCopies {
  private final Set<Tensor> matrices = Collections.newSetFromMap(new IdentityHashMap<>());
  private final IdentityHashMap<Tensor, List<Copy>> copies = new IdentityHashMap<>();
  private final JointCopies joint = new JointCopies();

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
  }

  /** A matrix in oneDNN's layout. */
  private record Packed(IValue matrix, boolean large) implements Copy {
    @Override
    public boolean takes(long rows) {
      return true;
    }

    @Override
    public Tensor product(Tensor x, @Nullable Tensor bias) {
      Object term = bias == null ? Product.NONE : bias;
      return CpuThreads.all(
          large,
          () ->
              Product.MULTIPLY
                  .call(x, matrix, term, Product.ALONE, Product.NO_SCALARS, Product.DEFAULT)[0]);
    }

    @Override
    public void close() {
      matrix.close();
    }
  }

  /**
   * Prepares copies of matrices [out, in], and of those in stacks [n, out, in]. Tensors that are
   * not on the CPU, of other types and small are multiplied as ever.
   */
  public PackedWeights(Collection<Tensor> tensors) {
    if (ComputeType.cpuHasBf16()) {
      tensors.stream().filter(Tensor::is_cpu).filter(WeightCopies::gains).forEach(matrices::add);
    }
  }

  @Override
  Optional<List<Copy>> copies(Tensor weight) {
    return matrices.contains(weight)
        ? Optional.of(copies.computeIfAbsent(weight, PackedWeights::pack))
        : Optional.empty();
  }

  @Override
  Optional<Copy> joint(List<Tensor> weights) {
    if (!joint.hasFirst(weights) && matrices.containsAll(weights)) {
      Scopes.run(() -> joint.put(weights, packed(joined(weights))));
    }
    return joint.find(weights);
  }

  private static List<Copy> pack(Tensor weight) {
    try (PointerScope scope = new PointerScope()) {
      long matrices = weight.dim() == 2 ? 1 : weight.size(0);
      List<Copy> packed = new ArrayList<>();
      for (long i = 0; i < matrices; i++) {
        packed.add(packed(weight.dim() == 2 ? weight : weight.select(0, i)));
      }
      return packed;
    }
  }

  private static Copy packed(Tensor matrix) {
    IValue copy = new IValue(Product.PACK.call(matrix.detach(), 1L)[0]);
    copy.retainReference();
    return new Packed(copy, isLarge(matrix));
  }

  @Override
  public void close() {
    copies.values().forEach(each -> each.forEach(Copy::close));
    copies.clear();
    joint.close();
  }
}
