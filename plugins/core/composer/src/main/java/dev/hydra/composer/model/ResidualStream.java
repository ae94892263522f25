package dev.hydra.composer.model;

import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Optional;
import java.util.function.Supplier;
import org.bytedeco.pytorch.Tensor;

/**
 * The residual stream between two operations. The last addition waits for the norm that comes next,
 * which makes it on its way.
 *
 * @param sum [batch, time, width], in the master type
 * @param addend what is still to be added to it, of the same shape, in the master type or the
 *     compute type
 */
record ResidualStream(Tensor sum, Optional<Tensor> addend) {
  /** The stream of a tensor. */
  static ResidualStream of(Tensor sum) {
    return new ResidualStream(sum, Optional.empty());
  }

  /** Returns the sum with everything added. */
  Tensor total() {
    return addend.map(y -> sum.add(Tensors.upcast(y))).orElse(sum);
  }

  /**
   * Returns the stream once its addition is made.
   *
   * @param newSum what came of it; an alias of it is taken where that is nothing new, as two scopes
   *     cannot own one handle
   */
  ResidualStream summed(Tensor newSum) {
    return of(addend.isEmpty() ? newSum.alias() : newSum);
  }

  /** Runs an action and frees what it creates, except the stream, see {@link Scopes#keep}. */
  static ResidualStream keep(Supplier<ResidualStream> action) {
    Tensor[] kept =
        Scopes.keepAll(
            () -> {
              ResidualStream stream = action.get();
              return stream
                  .addend
                  .map(y -> new Tensor[] {stream.sum, y})
                  .orElseGet(() -> new Tensor[] {stream.sum});
            });
    return new ResidualStream(kept[0], kept.length > 1 ? Optional.of(kept[1]) : Optional.empty());
  }
}
