package dev.hydra.tck;

import dev.hydra.api.Mixer;
import dev.hydra.api.Pass;
import dev.hydra.libtorch.runtime.Tensors;
import org.bytedeco.pytorch.Tensor;

/**
 * A sound mixer, {@code y[t] = a x[t] + b x[t-1]}, made of steps that faulty ones get wrong.
 *
 * @see Planted
 */
class Taps implements Mixer {
  private static final String LAST = "last";

  private final Tensor weight;

  /** With weight [2, width]: a and b. */
  Taps(Tensor weight) {
    this.weight = weight;
  }

  @Override
  public Tensor forward(Tensor x, Pass pass) {
    Tensor earlier = masked(shifted(x, before(x, pass)), pass);
    pass.cache().ifPresent(cache -> cache.put(LAST, x.select(1, x.size(1) - 1).clone()));
    return tap(x, 0).add(tap(earlier, 1));
  }

  /** The token before the first [batch, 1, width]. */
  Tensor before(Tensor x, Pass pass) {
    return pass.cache()
        .flatMap(cache -> cache.get(LAST))
        .map(last -> last.unsqueeze(1))
        .orElseGet(() -> Tensors.zeros(x, x.size(0), 1, x.size(2)));
  }

  /** The token before each token. */
  static Tensor shifted(Tensor x, Tensor before) {
    return Tensors.cat(1, before, Tensors.slice(x, 1, 0, x.size(1) - 1));
  }

  /** Zeros where the token before is of another document. */
  Tensor masked(Tensor earlier, Pass pass) {
    return pass.documents()
        .map(
            documents -> {
              long time = documents.size(1);
              Tensor same =
                  Tensors.slice(documents, 1, 1, time).eq(Tensors.slice(documents, 1, 0, time - 1));
              return earlier.mul(
                  Tensors.pad(same.to(Tensors.type(earlier)), 1, 1, 0).unsqueeze(-1));
            })
        .orElse(earlier);
  }

  /** {@code x} times the weight of one tap. */
  Tensor tap(Tensor x, int index) {
    return x.mul(weight.select(0, index));
  }
}
