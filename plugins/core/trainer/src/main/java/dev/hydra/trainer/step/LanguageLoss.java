package dev.hydra.trainer.step;

import dev.hydra.composer.model.ForwardContext;
import dev.hydra.composer.model.Model;
import dev.hydra.libtorch.nn.LinearCrossEntropy;
import dev.hydra.libtorch.runtime.Scopes;
import org.bytedeco.pytorch.Tensor;

/** The loss of next-token prediction. */
public final class LanguageLoss {
  private LanguageLoss() {}

  /**
   * Computes the mean negative log-likelihood of what windows are to predict.
   *
   * @param windows on the model's device
   * @param forward see {@link TokenWindows#in}
   * @return a scalar in nats, at least float32
   */
  public static Tensor of(Model model, TokenWindows windows, ForwardContext forward) {
    return Scopes.keep(
        () -> {
          Tensor hidden = model.hidden(windows.inputs(), forward);
          return LinearCrossEntropy.of(
              hidden, model.head(), model.spec().logitsScale(), windows.targets());
        });
  }
}
