package dev.hydra.mixer.mamba;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;

/**
 * What a recurrence with selective decays runs on; {@link Ssd} and {@link SelectiveScan} say what
 * channels are to them.
 *
 * @param x [batch, time, channels]
 * @param dt step sizes, at least 0, float32 or float64
 * @param a decay rates, below 0, in the type of dt
 * @param b input projections
 * @param c output projections
 * @param documents int64 [batch, time], see {@link dev.hydra.api.Pass#documents}
 * @param initial the state before the first token, in the type of dt; zeros if empty
 */
record ScanInput(
    Tensor x,
    Tensor dt,
    Tensor a,
    Tensor b,
    Tensor c,
    Optional<Tensor> documents,
    Optional<Tensor> initial) {
  static final int X = 0;
  static final int DT = 1;
  static final int A = 2;
  static final int B = 3;
  static final int C = 4;

  /** Which of the last two there are: how a list of tensors becomes an input again. */
  record Layout(boolean packed, boolean continued) {
    ScanInput input(Tensor... tensors) {
      return new ScanInput(
          tensors[X],
          tensors[DT],
          tensors[A],
          tensors[B],
          tensors[C],
          packed ? Optional.of(tensors[C + 1]) : Optional.empty(),
          continued ? Optional.of(tensors[initialIndex()]) : Optional.empty());
    }

    /** Where the initial state stands, if there is one. */
    int initialIndex() {
      return packed ? C + 2 : C + 1;
    }

    /** How many tensors there are. */
    int count() {
      return initialIndex() + (continued ? 1 : 0);
    }
  }

  Layout layout() {
    return new Layout(documents.isPresent(), initial.isPresent());
  }

  /** All that there are, in order. */
  Tensor[] tensors() {
    List<Tensor> tensors = new ArrayList<>(List.of(x, dt, a, b, c));
    documents.ifPresent(tensors::add);
    initial.ifPresent(tensors::add);
    return tensors.toArray(Tensor[]::new);
  }
}
