package dev.hydra.optim;

import dev.hydra.libtorch.Scopes;
import dev.hydra.libtorch.Tensors;
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
  /** Those of a parameter before its first step; to be closed by the caller. */
  public static Moments zeros(Tensor master) {
    try (PointerScope scope = new PointerScope()) {
      return new Moments(
          Scopes.own(Tensors.zeros(master, ScalarType.Float)),
          Scopes.own(torch.zeros_like(master)),
          Scopes.own(torch.zeros_like(master)));
    }
  }

  void export(String name, Map<String, Tensor> state) {
    state.put(name + ".step", step);
    state.put(name + ".exp_avg", average);
    state.put(name + ".exp_avg_sq", square);
  }

  @Override
  public void close() {
    step.close();
    average.close();
    square.close();
  }
}
