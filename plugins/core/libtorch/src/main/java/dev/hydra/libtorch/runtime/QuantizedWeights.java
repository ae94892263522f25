package dev.hydra.libtorch.runtime;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
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
  private final JointCopies joint = new JointCopies();
  private final Set<String> kept = new LinkedHashSet<>();

  /** Notes the matrices by which a pass multiplies. */
  private static final class Noted extends WeightCopies {
    private final IdentityHashMap<Tensor, Boolean> seen = new IdentityHashMap<>();

    /** Those that are multiplied by together, found by the first. */
    private final IdentityHashMap<Tensor, List<Tensor>> together = new IdentityHashMap<>();

    Noted(Collection<Tensor> tensors) {
      tensors.stream().filter(Noted::isCandidate).forEach(each -> seen.put(each, false));
    }

    /** On CUDA, products by stacks of matrices have kernels of their own. */
    private static boolean isCandidate(Tensor tensor) {
      return gains(tensor) && (tensor.is_cpu() || tensor.dim() == 2);
    }

    List<Tensor> multiplied(Collection<Tensor> tensors) {
      return tensors.stream().filter(each -> seen.getOrDefault(each, false)).toList();
    }

    @Override
    Optional<List<Copy>> copies(Tensor weight) {
      seen.computeIfPresent(weight, (noted, before) -> true);
      return Optional.empty();
    }

    /** On CUDA, maps of the same input are multiplied by one by one. */
    @Override
    Optional<Copy> joint(List<Tensor> weights) {
      if (weights.stream().allMatch(each -> each.is_cpu() && seen.containsKey(each))) {
        together.putIfAbsent(weights.get(0), List.copyOf(weights));
      }
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
    Noted noted = noted(tensors, pass);
    Set<Tensor> joined = Collections.newSetFromMap(new IdentityHashMap<>());
    for (List<Tensor> weights : noted.together.values()) {
      if (weights.stream().allMatch(format::fits) && Collections.disjoint(joined, weights)) {
        joined.addAll(weights);
        Scopes.run(() -> made.joint.put(weights, format.copy(joined(format, weights))));
      }
    }
    for (Tensor weight : noted.multiplied(tensors)) {
      if (!format.fits(weight)) {
        made.kept.add(weight.size(-2) + " x " + weight.size(-1));
      } else if (!joined.contains(weight)) {
        made.copies.put(weight, copies(format, weight));
      }
    }
    return made;
  }

  /** Rounds matrices of the same inputs, and puts them one under another. */
  private static Rounding joined(WeightFormat format, List<Tensor> weights) {
    List<Rounding> rounded = weights.stream().map(format::round).toList();
    return new Rounding(
        joined(rounded.stream().map(Rounding::numbers).toList()),
        joined(rounded.stream().map(Rounding::scales).toList()));
  }

  /** Rounds the matrices as {@link #of} does, without copies of them. */
  public static void round(WeightFormat format, Collection<Tensor> tensors, Runnable pass) {
    for (Tensor weight : noted(tensors, pass).multiplied(tensors)) {
      if (format.fits(weight)) {
        Scopes.run(() -> format.round(weight));
      }
    }
  }

  private static Noted noted(Collection<Tensor> tensors, Runnable pass) {
    Noted noted = new Noted(tensors);
    try (Use use = noted.use()) {
      Scopes.run(pass);
    }
    return noted;
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
  Optional<Copy> joint(List<Tensor> weights) {
    return joint.find(weights);
  }

  @Override
  public void close() {
    copies.values().forEach(each -> each.forEach(Copy::close));
    copies.clear();
    joint.close();
  }
}
