package dev.hydra.optim;

import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.LinkedHashMap;
import java.util.Map;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * What {@link AdamW} remembers of one parameter.
 *
 * @param step how many steps it has made; float32, without dimensions
 * @param average the running average of its gradients
 * @param square the running average of their squares
 */
public record Moments(Tensor step, Tensor average, Tensor square) implements AutoCloseable {
  private static final String STEP = ".step";
  private static final String AVERAGE = ".exp_avg";
  private static final String SQUARE = ".exp_avg_sq";

  /** Those of a parameter before its first step; to be closed by the caller. */
  public static Moments zeros(Tensor master) {
    try (PointerScope scope = new PointerScope()) {
      return new Moments(
          Scopes.own(Tensors.zeros(master, ScalarType.Float)),
          Scopes.own(torch.zeros_like(master)),
          Scopes.own(torch.zeros_like(master)));
    }
  }

  /**
   * Those of all parameters in a state that {@link AdamW#exportState} gave, by name; the tensors
   * are those of the state.
   *
   * @throws IllegalArgumentException if the state is not whole
   */
  public static Map<String, Moments> of(Map<String, Tensor> state) {
    Map<String, Moments> all = new LinkedHashMap<>();
    for (String key : state.keySet()) {
      String name = key.substring(0, Math.max(0, key.lastIndexOf('.')));
      if (!all.containsKey(name)) {
        all.put(
            name,
            new Moments(
                part(state, name + STEP), part(state, name + AVERAGE), part(state, name + SQUARE)));
      }
    }
    return all;
  }

  private static Tensor part(Map<String, Tensor> state, String name) {
    Tensor part = state.get(name);
    if (part == null) {
      throw new IllegalArgumentException("the saved optimizer state lacks " + name);
    }
    return part;
  }

  void export(String name, Map<String, Tensor> state) {
    state.put(name + STEP, step);
    state.put(name + AVERAGE, average);
    state.put(name + SQUARE, square);
  }

  @Override
  public void close() {
    step.close();
    average.close();
    square.close();
  }
}
