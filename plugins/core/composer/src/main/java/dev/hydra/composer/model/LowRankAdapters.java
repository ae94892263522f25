package dev.hydra.composer.model;

import dev.hydra.api.Init;
import dev.hydra.api.ParameterSpec;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Optional;

/** The {@linkplain LowRankAdapter low-rank adapters} of a model; most models have none. */
public final class LowRankAdapters {
  /** What the names of the two matrices end with, after that of the matrix that they add to. */
  static final String A = ".lora_a";

  static final String B = ".lora_b";

  private static final int MATRIX = 2;
  private static final int STACK = 3;

  private final List<LowRankAdapter> all;
  private final double scale;

  /**
   * Collects adapters.
   *
   * @param scale alpha / rank, of each
   */
  LowRankAdapters(List<LowRankAdapter> all, double scale) {
    this.all = List.copyOf(all);
    this.scale = scale;
  }

  /** Returns those of a model that is not adapted. */
  static LowRankAdapters none() {
    return new LowRankAdapters(List.of(), 1);
  }

  /**
   * Says whether a parameter is a linear map, or a stack of them as experts have: a trained matrix
   * that is no table of vectors, of rates or of places. Those are not decayed. The kernels of a
   * convolution of channels are a stack of single rows.
   */
  public static boolean takes(ParameterSpec spec) {
    int dimensions = spec.shape().size();
    return spec.trainable()
        && spec.decay()
        && (dimensions == MATRIX || dimensions == STACK)
        && largestRank(spec) > 1;
  }

  /** Returns the largest rank that a linear map can have: its smaller side. */
  public static long largestRank(ParameterSpec spec) {
    int dimensions = spec.shape().size();
    return Math.min(spec.shape().get(dimensions - 1), spec.shape().get(dimensions - 2));
  }

  /** Returns the description of A: drawn as in the paper's code, uniform over 1 / sqrt(in). */
  static ParameterSpec a(ParameterSpec base, int rank) {
    int last = base.shape().size() - 1;
    double bound = 1 / Math.sqrt(base.shape().get(last));
    return spec(base.name() + A, Init.uniform(-bound, bound), base.shape(), last - 1, rank);
  }

  /** Returns the description of B, which is zero. */
  static ParameterSpec b(ParameterSpec base, int rank) {
    return spec(base.name() + B, Init.zeros(), base.shape(), base.shape().size() - 1, rank);
  }

  private static ParameterSpec spec(
      String name, Init init, List<Long> shape, int dimension, int rank) {
    List<Long> own = new ArrayList<>(shape);
    own.set(dimension, (long) rank);
    long[] sizes = own.stream().mapToLong(Long::longValue).toArray();
    return ParameterSpec.of(name, init, sizes).inFp32();
  }

  /** Returns the name of the matrix that a parameter of an adapter adds to. */
  static Optional<String> base(String name) {
    return name.endsWith(A) || name.endsWith(B)
        ? Optional.of(name.substring(0, name.length() - A.length()))
        : Optional.empty();
  }

  /** Says whether the model is not adapted. */
  public boolean isEmpty() {
    return all.isEmpty();
  }

  /** Returns how many matrices or stacks of them are adapted. */
  public int count() {
    return all.size();
  }

  /** Returns alpha / rank. */
  public double scale() {
    return scale;
  }

  /** Returns the matrices that are adapted. */
  Collection<Parameter> bases() {
    return all.stream().map(LowRankAdapter::base).toList();
  }

  /** Lets components compute with what the adapters are now: after every change of them. */
  public void merge() {
    all.forEach(LowRankAdapter::merge);
  }

  /** Adds the gradients of the adapters, after a backward, to what was there. */
  public void backward() {
    all.forEach(LowRankAdapter::backward);
  }
}
