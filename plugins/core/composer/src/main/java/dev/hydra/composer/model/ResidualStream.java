package dev.hydra.composer.model;

import dev.hydra.libtorch.nn.GatedAddend;
import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import org.bytedeco.pytorch.Tensor;

/**
 * The residual stream between two operations. The last additions wait for the norm that comes next,
 * which makes them on its way: one of a tensor as it is, or some that gates let through.
 *
 * @param sum [batch, time, width], in the master type
 * @param addend what is still to be added to it, of the same shape, in the master type or the
 *     compute type
 * @param gated what gates let through, still to be added in this order; none if there is an addend
 */
record ResidualStream(Tensor sum, Optional<Tensor> addend, List<GatedAddend> gated) {
  /** The stream of a tensor. */
  static ResidualStream of(Tensor sum) {
    return new ResidualStream(sum, Optional.empty(), List.of());
  }

  /** The stream of a tensor and what is still to be added to it. */
  static ResidualStream of(Tensor sum, Tensor addend) {
    return new ResidualStream(sum, Optional.of(addend), List.of());
  }

  /** Returns the sum with everything added. */
  Tensor total() {
    Tensor all = sum;
    for (GatedAddend each : gated) {
      all = each.addTo(all);
    }
    Tensor before = all;
    return addend.map(y -> before.add(Tensors.upcast(y))).orElse(before);
  }

  /** Returns the stream to which nothing is still to be added but what gates let through. */
  ResidualStream withoutAddend() {
    return addend.isEmpty() ? this : of(total());
  }

  /** Returns the stream with what gates let through added. */
  ResidualStream ungated() {
    return gated.isEmpty() ? this : of(total());
  }

  /** Returns the stream with one more addition, which a gate lets through. */
  ResidualStream with(GatedAddend next) {
    if (addend.isPresent()) {
      return withoutAddend().with(next);
    }
    List<GatedAddend> all = new ArrayList<>(gated);
    all.add(next);
    return new ResidualStream(sum, addend, List.copyOf(all));
  }

  /**
   * Returns the stream once its additions are made.
   *
   * @param newSum what came of them; an alias of it is taken where that is nothing new, as two
   *     scopes cannot own one handle
   */
  ResidualStream summed(Tensor newSum) {
    return of(addend.isEmpty() && gated.isEmpty() ? newSum.alias() : newSum);
  }

  /** Runs an action and frees what it creates, except the stream, see {@link Scopes#keep}. */
  static ResidualStream keep(Supplier<ResidualStream> action) {
    ResidualStream[] found = new ResidualStream[1];
    Scopes.keepAll(
        () -> {
          found[0] = action.get();
          return found[0].tensors();
        });
    return found[0];
  }

  private Tensor[] tensors() {
    List<Tensor> all = new ArrayList<>(List.of(sum));
    addend.ifPresent(all::add);
    for (GatedAddend each : gated) {
      all.add(each.y());
      all.add(each.gate());
    }
    return all.toArray(Tensor[]::new);
  }
}
