package dev.hydra.optim;

import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/**
 * Updates of {@link AdamW} by CUDA kernels: one pass over gradients for their norm, one over
 * parameters, moments and working copies for all else, and of tables over the rows that were read.
 * Every sum has a fixed order. Its twin is {@link GradientClip} with {@link AdamW#stepUnless}.
 */
final class AdamWUpdate implements FusedUpdate {
  private static final int FINITE = 2;
  private static final int WORDS = 4;

  private final AdamWKernels kernels;
  private final ParameterRecords records;
  private final double maxNorm;
  private final List<OptimizedParameter> parameters;
  private final int dense;
  private final Tensor partials;
  private final Tensor verdict;
  private final Tensor rates;
  private final AdamWKernels.Rule rule;
  private final Map<Integer, TableRows> touched = new LinkedHashMap<>();

  /**
   * Prepares updates.
   *
   * @param members all parameters, tables last
   * @param dense how many are not tables, at least 1
   */
  AdamWUpdate(
      AdamWKernels kernels,
      List<ParameterRecords.Member> members,
      int dense,
      AdamW.Constants constants,
      Tensor learningRate,
      double maxNorm) {
    this.kernels = kernels;
    this.records = new ParameterRecords(members, AdamWKernels.CHUNK);
    this.parameters = members.stream().map(ParameterRecords.Member::parameter).toList();
    this.dense = dense;
    this.maxNorm = maxNorm;
    try (PointerScope scope = new PointerScope()) {
      int sums = AdamWKernels.sums(records) + members.size() - dense;
      partials = Scopes.own(Tensors.zeros(learningRate, ScalarType.Double, sums));
      verdict = Scopes.own(Tensors.zeros(learningRate, ScalarType.Int, WORDS));
      rates = Scopes.own(Tensors.zeros(learningRate, ScalarType.Float, members.size(), 2));
    }
    rule = new AdamWKernels.Rule(verdict, learningRate, constants, rates);
  }

  @Override
  public void gradients(Map<String, Tensor> dense) {
    records.gradients(dense);
  }

  @Override
  public Tensor norm(Map<String, Tensor> tables) {
    forget();
    kernels.squares(records, partials);
    for (int which = dense; which < parameters.size(); which++) {
      OptimizedParameter table = parameters.get(which);
      if (table.read().isEmpty()) {
        measure(which, tables.get(table.name()));
      }
    }
    kernels.verdict(partials, maxNorm, verdict);
    return verdict.view(ScalarType.Float).select(0, 0);
  }

  /** Puts the sum of squares of a table's sparse gradient where the others are. */
  private void measure(int which, @Nullable Tensor gradient) {
    try (PointerScope scope = new PointerScope()) {
      Tensor sum = partials.select(0, AdamWKernels.sums(records) + which - dense);
      TableRows rows = gradient == null ? null : TableRows.of(gradient);
      if (rows == null || rows.count() == 0) {
        sum.zero_();
        return;
      }
      touched.put(which, rows);
      Tensor squares = Tensors.empty(partials, ScalarType.Double, rows.count());
      kernels.squares(rows, squares);
      sum.copy_(squares.sum());
    }
  }

  @Override
  public void step(Tensor skip) {
    try (PointerScope scope = new PointerScope();
        Grad off = Grad.off()) {
      verdict.select(0, FINITE).copy_(Tensors.add(skip.neg(), 1.0));
      kernels.rates(records, rule);
      kernels.update(records, rule);
      touched.forEach((which, rows) -> kernels.update(records, which, rows, rule));
      for (int which = dense; which < parameters.size(); which++) {
        updateSum(which);
      }
    }
    forget();
  }

  /** Updates a table whose gradient is dense. */
  private void updateSum(int which) {
    OptimizedParameter table = parameters.get(which);
    table.read().ifPresent(read -> kernels.update(records, which, table.master(), read, rule));
  }

  private void forget() {
    touched.values().forEach(TableRows::close);
    touched.clear();
  }

  @Override
  public void close() {
    forget();
    records.close();
    partials.close();
    verdict.close();
    rates.close();
  }
}
