package dev.hydra.composer.model;

import dev.hydra.libtorch.autograd.ActivationCheckpoint;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.Tensor;

/**
 * Runs parts of a forward under activation checkpoints. Auxiliary losses are outputs of such a part
 * beside its own: their gradient comes from the second computation, and each counts once.
 */
final class Recomputation {
  private Recomputation() {}

  /**
   * Runs a part now, and again in backward.
   *
   * @param part computes the same from its input when it is called again, and may use parameters
   */
  static Tensor run(ForwardContext forward, UnaryOperator<Tensor> part, Tensor input) {
    List<String> names = new ArrayList<>();
    Tensor[] outputs =
        ActivationCheckpoint.run(
            inputs -> {
              Map<String, Tensor> losses = new LinkedHashMap<>();
              Tensor output = forward.collectingLosses(losses, () -> part.apply(inputs[0]));
              List<Tensor> all = new ArrayList<>(List.of(output));
              names.clear();
              losses.forEach(
                  (name, loss) -> {
                    names.add(name);
                    all.add(loss.alias()); // the scope's own, where the other is closed
                    loss.close();
                  });
              return all.toArray(Tensor[]::new);
            },
            input);
    for (int i = 0; i < names.size(); i++) {
      forward.addLoss(names.get(i), outputs[i + 1]);
    }
    return outputs[0];
  }
}
