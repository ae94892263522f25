package dev.hydra.trainer.step;

import dev.hydra.composer.model.ForwardContext;
import dev.hydra.composer.model.Model;
import dev.hydra.libtorch.nn.LinearCrossEntropy;
import java.util.Optional;
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
    return model.loss(windows.inputs(), windows.targets(), Optional.empty(), forward);
  }

  /**
   * Computes the same for a backward that begins with a gradient which is known by now.
   *
   * @param gradient a scalar in the type of the loss, see {@link LinearCrossEntropy}
   */
  static Tensor of(Model model, TokenWindows windows, Tensor gradient, ForwardContext forward) {
    return model.loss(windows.inputs(), windows.targets(), Optional.of(gradient), forward);
  }
}
