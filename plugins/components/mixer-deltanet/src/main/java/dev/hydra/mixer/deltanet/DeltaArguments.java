package dev.hydra.mixer.deltanet;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;

/**
 * Which tensor of an input is which argument of a function with a backward of its own.
 *
 * @param most the largest beta
 * @param packed whether there are documents
 * @param continued whether there is a state before the first token
 */
record DeltaArguments(double most, boolean packed, boolean continued) {
  static final int Q = 0;
  static final int K = 1;
  static final int V = 2;
  static final int LOG = 3;
  static final int STRENGTH = 4;

  static DeltaArguments of(GatedDeltaRule.Input in) {
    return new DeltaArguments(in.most(), in.documents().isPresent(), in.initial().isPresent());
  }

  /** The tensors of an input. */
  static Tensor[] tensors(GatedDeltaRule.Input in) {
    List<Tensor> inputs = new ArrayList<>(List.of(in.q(), in.k(), in.v(), in.log(), in.strength()));
    in.documents().ifPresent(inputs::add);
    in.initial().ifPresent(inputs::add);
    return inputs.toArray(Tensor[]::new);
  }

  /** The input that tensors are, in the order of {@link #tensors}. */
  GatedDeltaRule.Input input(Tensor... tensors) {
    return new GatedDeltaRule.Input(
        tensors[Q],
        tensors[K],
        tensors[V],
        tensors[LOG],
        tensors[STRENGTH],
        most,
        packed ? Optional.of(tensors[STRENGTH + 1]) : Optional.empty(),
        continued ? Optional.of(tensors[initialIndex()]) : Optional.empty());
  }

  /** Where the state before the first token is, if there is one. */
  int initialIndex() {
    return packed ? STRENGTH + 2 : STRENGTH + 1;
  }

  /** How many tensors there are. */
  int count() {
    return initialIndex() + (continued ? 1 : 0);
  }
}
