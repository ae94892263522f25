package dev.hydra.libtorch.runtime;

import java.util.ArrayList;
import java.util.Collection;
import java.util.IdentityHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;

/**
 * Weights of linear maps as integers with scales (weight-only quantization, as in gpt-fast and
 * torchao): a product of few rows reads half or less of the bytes that it reads in bfloat16. The
 * matrices themselves are rounded, in place, so that products which go by them are products of the
 * same numbers in int4, and in int8 of those rounded to bfloat16.
 */
public final class QuantizedWeights extends WeightCopies {
  private final IdentityHashMap<Tensor, List<Copy>> copies = new IdentityHashMap<>();
  private final Set<String> kept = new LinkedHashSet<>();

  /** Notes the matrices by which a pass multiplies. */
  private static final class Noted extends WeightCopies {
    private final IdentityHashMap<Tensor, Boolean> seen = new IdentityHashMap<>();

    Noted(Collection<Tensor> tensors) {
      tensors.stream().filter(Noted::isCandidate).forEach(each -> seen.put(each, false));
    }

    /** On CUDA, products by stacks of matrices have kernels of their own. */
    private static boolean isCandidate(Tensor tensor) {
      return gains(tensor) && (tensor.is_cpu() || tensor.dim() == 2);
    }

    @Override
    Optional<List<Copy>> copies(Tensor weight) {
      seen.computeIfPresent(weight, (noted, before) -> true);
      return Optional.empty();
    }

    @Override
    public void close() {
      // it holds no memory
    }
  }

  private QuantizedWeights() {}

  /**
   * Rounds the matrices by which a pass multiplies, and keeps copies of them as integers.
   *
   * @param tensors matrices [out, in] and stacks of them [n, out, in]. Those in bfloat16 that are
   *     not small, and of a shape that LibTorch's product takes, are rounded
   * @param pass runs the model once
   */
  public static QuantizedWeights of(
      WeightFormat format, Collection<Tensor> tensors, Runnable pass) {
    QuantizedWeights made = new QuantizedWeights();
    for (Tensor weight : multiplied(tensors, pass)) {
      if (format.fits(weight)) {
        made.copies.put(weight, copies(format, weight));
      } else {
        made.kept.add(weight.size(-2) + " x " + weight.size(-1));
      }
    }
    return made;
  }

  /** Rounds the matrices as {@link #of} does, without copies of them. */
  public static void round(WeightFormat format, Collection<Tensor> tensors, Runnable pass) {
    for (Tensor weight : multiplied(tensors, pass)) {
      if (format.fits(weight)) {
        Scopes.run(() -> format.round(weight));
      }
    }
  }

  private static List<Tensor> multiplied(Collection<Tensor> tensors, Runnable pass) {
    try (Noted noted = new Noted(tensors);
        Use use = noted.use()) {
      Scopes.run(pass);
      return tensors.stream().filter(each -> noted.seen.getOrDefault(each, false)).toList();
    }
  }

  private static List<Copy> copies(WeightFormat format, Tensor weight) {
    List<Copy> copies = new ArrayList<>();
    try (PointerScope scope = new PointerScope()) {
      if (weight.dim() == 2) {
        copies.add(format.copy(format.round(weight)));
      } else {
        for (long i = 0; i < weight.size(0); i++) {
          copies.add(format.copy(format.round(weight.select(0, i))));
        }
      }
    }
    return copies;
  }

  /** Returns the shapes, such as {@code 259 x 128}, that LibTorch's product does not take. */
  public List<String> kept() {
    return List.copyOf(kept);
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
