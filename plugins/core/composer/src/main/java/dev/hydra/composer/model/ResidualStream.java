package dev.hydra.composer.model;

import dev.hydra.libtorch.nn.GatedAddend;
import dev.hydra.libtorch.nn.TokenGatedAddend;
import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import org.bytedeco.pytorch.Tensor;

/**
 * The residual stream between two operations. The last additions wait for the norm that comes next,
 * which makes them on its way: one of a tensor as it is, or some that gates let through, the last
 * of which may be a gate of each token.
 *
 * @param sum [batch, time, width], in the master type
 * @param addend what is still to be added to it, of the same shape, in the master type or the
 *     compute type
 * @param gated what gates let through, still to be added in this order; none if there is an addend
 * @param last what a gate of each token lets through, still to be added after them; likewise
 */
record ResidualStream(
    Tensor sum, Optional<Tensor> addend, List<GatedAddend> gated, Optional<TokenGatedAddend> last) {
  /** The stream of a tensor. */
  static ResidualStream of(Tensor sum) {
    return new ResidualStream(sum, Optional.empty(), List.of(), Optional.empty());
  }

  /** The stream of a tensor and what is still to be added to it. */
  static ResidualStream of(Tensor sum, Tensor addend) {
    return new ResidualStream(sum, Optional.of(addend), List.of(), Optional.empty());
  }

  /** Returns the sum with everything added. */
  Tensor total() {
    if (last.isPresent()) {
      return last.get().addTo(sum, gated);
    }
    Tensor all = sum;
    for (GatedAddend each : gated) {
      all = each.addTo(all);
    }
    Tensor before = all;
    return addend.map(y -> before.add(Tensors.upcast(y))).orElse(before);
  }

  /** Says whether gates let something through that is still to be added. */
  boolean isGated() {
    return !gated.isEmpty() || last.isPresent();
  }

  /** Returns the stream with what gates let through added. */
  ResidualStream ungated() {
    return isGated() ? of(total()) : this;
  }

  /** Returns the stream with one more addition, which a gate lets through. */
  ResidualStream with(GatedAddend next) {
    ResidualStream before = open();
    List<GatedAddend> all = new ArrayList<>(before.gated);
    all.add(next);
    return new ResidualStream(before.sum, Optional.empty(), List.copyOf(all), Optional.empty());
  }

  /** Returns the stream with one more addition, which a gate of each token lets through. */
  ResidualStream with(TokenGatedAddend next) {
    ResidualStream before = open();
    return new ResidualStream(before.sum, Optional.empty(), before.gated, Optional.of(next));
  }

  /** The stream to which something may still be added that waits: it comes after all that does. */
  private ResidualStream open() {
    return addend.isPresent() || last.isPresent() ? of(total()) : this;
  }

  /**
   * Returns the stream once its additions are made.
   *
   * @param newSum what came of them; an alias of it is taken where that is nothing new, as two
   *     scopes cannot own one handle
   */
  ResidualStream summed(Tensor newSum) {
    return of(addend.isEmpty() && !isGated() ? newSum.alias() : newSum);
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

  /**
   * Frees it before its scope does, once a block has made another of it: else a forward would hold
   * those of all blocks, gradients or not.
   */
  void close() {
    for (Tensor each : tensors()) {
      each.close();
    }
  }

  private Tensor[] tensors() {
    List<Tensor> all = new ArrayList<>(List.of(sum));
    addend.ifPresent(all::add);
    for (GatedAddend each : gated) {
      all.add(each.y());
      all.add(each.gate());
    }
    last.ifPresent(
        each -> all.addAll(List.of(each.x(), each.value()))); // its weights are the model's
    return all.toArray(Tensor[]::new);
  }
}
