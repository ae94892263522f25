package dev.hydra.libtorch.runtime;

import dev.hydra.libtorch.runtime.Operators.Operator;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * Weights of linear maps in int8, each row of outputs with a scale (weight-only quantization, as in
 * gpt-fast and torchao): a product of few rows reads half of the bytes that it reads in bfloat16.
 * The matrices themselves are rounded, in place, so that products of many rows, which go by them,
 * are products of the same numbers.
 */
public final class Int8Weights extends WeightCopies {
  /** LibTorch's product reads the weights once for four rows; more are faster in bfloat16. */
  private static final long MOST_ROWS = 4;

  /** LibTorch's product reads 16 numbers at a time, and those of x from addresses like that. */
  private static final long NUMBERS_AT_A_TIME = 16;

  private static final long ALIGNMENT = 64;

  private static final Operator MULTIPLY = Operators.find("aten::_weight_int8pack_mm", "");

  private final IdentityHashMap<Tensor, List<Copy>> copies = new IdentityHashMap<>();

  /** Notes the matrices by which a pass multiplies. */
  private static final class Noted extends WeightCopies {
    private final Set<Tensor> candidates = Collections.newSetFromMap(new IdentityHashMap<>());
    private final Set<Tensor> seen = Collections.newSetFromMap(new IdentityHashMap<>());

    Noted(Collection<Tensor> tensors) {
      tensors.stream().filter(Int8Weights::fits).forEach(candidates::add);
    }

    @Override
    Optional<List<Copy>> copies(Tensor weight) {
      if (candidates.contains(weight)) {
        seen.add(weight);
      }
      return Optional.empty();
    }

    @Override
    public void close() {
      // it holds no memory
    }
  }

  /** A matrix in int8 [out, in] and its scales [out]. */
  private record Int8Copy(IValue numbers, IValue scales, long outputs, boolean large)
      implements Copy {
    @Override
    public boolean takes(long rows) {
      return rows <= MOST_ROWS;
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
      try (Pointer data = rows.data_ptr()) {
        return data.address() % ALIGNMENT == 0 ? rows : rows.clone();
      }
    }

    @Override
    public void close() {
      numbers.close();
      scales.close();
    }
  }

  private Int8Weights() {}

  /**
   * Rounds the matrices by which a pass multiplies, and keeps copies in int8: half of the memory of
   * those matrices once more.
   *
   * @param tensors matrices [out, in] and stacks of them [n, out, in]. Those in bfloat16 on the CPU
   *     that are not small, with {@code in} a multiple of 16, are rounded
   * @param pass runs the model once
   */
  public static Int8Weights of(Collection<Tensor> tensors, Runnable pass) {
    Int8Weights made = new Int8Weights();
    for (Tensor weight : multiplied(tensors, pass)) {
      made.copies.put(weight, copy(weight));
    }
    return made;
  }

  /** Rounds the matrices as {@link #of} does, without copies of them. */
  public static void round(Collection<Tensor> tensors, Runnable pass) {
    for (Tensor weight : multiplied(tensors, pass)) {
      Scopes.run(() -> Int8Rounding.of(weight));
    }
  }

  private static boolean fits(Tensor tensor) {
    return gains(tensor) && tensor.size(-1) % NUMBERS_AT_A_TIME == 0;
  }

  private static Set<Tensor> multiplied(Collection<Tensor> tensors, Runnable pass) {
    try (Noted noted = new Noted(tensors);
        Use use = noted.use()) {
      Scopes.run(pass);
      return noted.seen;
    }
  }

  private static List<Copy> copy(Tensor weight) {
    try (PointerScope scope = new PointerScope()) {
      Int8Rounding rounded = Int8Rounding.of(weight);
      List<Copy> copies = new ArrayList<>();
      if (weight.dim() == 2) {
        copies.add(copy(rounded.numbers(), rounded.scales()));
      } else {
        for (long i = 0; i < weight.size(0); i++) {
          copies.add(copy(rounded.numbers().select(0, i), rounded.scales().select(0, i)));
        }
      }
      return copies;
    }
  }

  private static Copy copy(Tensor numbers, Tensor scales) {
    IValue matrix = new IValue(numbers);
    IValue factors = new IValue(scales);
    matrix.retainReference();
    factors.retainReference();
    return new Int8Copy(matrix, factors, numbers.size(0), isLarge(numbers));
  }

  @Override
  Optional<List<Copy>> copies(Tensor weight) {
    return Optional.ofNullable(copies.get(weight));
  }

  @Override
  public void close() {
    copies.values().forEach(each -> each.forEach(Copy::close));
    copies.clear();
  }
}
