package dev.hydra.optim;

import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.LinkedHashMap;
import java.util.Map;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * The optimizer state that {@link AdamW} and {@link HalfMomentsAdamW} keep for one parameter.
 *
 * @param step how many steps it has made; float32, without dimensions
 * @param average the running average of its gradients
 * @param square the running average of their squares
 */
record Moments(Tensor step, Tensor average, Tensor square) {
  private static final String STEP = "step";
  private static final String AVERAGE = "exp_avg";
  private static final String SQUARE = "exp_avg_sq";

  /** Returns the moments of a parameter before its first step, its averages in a type. */
  static Moments zeros(Tensor master, ScalarType type) {
    try (PointerScope scope = new PointerScope()) {
      long[] sizes = Tensors.sizes(master);
      return new Moments(
          Scopes.own(Tensors.zeros(master, ScalarType.Float)),
          Scopes.own(Tensors.zeros(master, type, sizes)),
          Scopes.own(Tensors.zeros(master, type, sizes)));
    }
  }

  /** Returns the moments in a state, the same tensors. */
  static Moments of(ParameterState state) {
    return new Moments(state.get(STEP), state.get(AVERAGE), state.get(SQUARE));
  }

  /** Returns a state of the same tensors. */
  ParameterState state() {
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    tensors.put(STEP, step);
    tensors.put(AVERAGE, average);
    tensors.put(SQUARE, square);
    return new ParameterState(tensors);
  }
}
