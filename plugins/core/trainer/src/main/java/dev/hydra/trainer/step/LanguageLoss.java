package dev.hydra.trainer.step;

import dev.hydra.composer.model.ForwardContext;
import dev.hydra.composer.model.Model;
import dev.hydra.libtorch.nn.LinearCrossEntropy;
import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import org.bytedeco.pytorch.Tensor;

/** The loss of next-token prediction. */
public final class LanguageLoss {
  private LanguageLoss() {}

  /**
   * Computes the mean negative log-likelihood of every token of the windows but the first.
   *
   * @param windows int64 [batch, time + 1] on the model's device
   * @return a scalar in nats, at least float32
   */
  public static Tensor of(Model model, Tensor windows, ForwardContext forward) {
    return of(model, windows, windows, forward);
  }

  /**
   * Computes the mean negative log-likelihood of the labels of the windows but the first.
   *
   * @param windows int64 [batch, time + 1] on the model's device
   * @param labels int64 [batch, time + 1] on the model's device: the tokens, or -100 where one is
   *     not to be predicted
   * @return a scalar in nats, at least float32
   */
  public static Tensor of(Model model, Tensor windows, Tensor labels, ForwardContext forward) {
    return Scopes.keep(
        () -> {
          long time = windows.size(1) - 1;
          Tensor hidden = model.hidden(Tensors.slice(windows, 1, 0, time), forward);
          Tensor targets = Tensors.slice(labels, 1, 1, time + 1);
          return LinearCrossEntropy.of(hidden, model.head(), model.spec().logitsScale(), targets);
        });
  }
}
