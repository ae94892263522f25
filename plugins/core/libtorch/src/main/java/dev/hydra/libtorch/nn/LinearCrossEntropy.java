package dev.hydra.libtorch.nn;

import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Optional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/** Computes the cross-entropy of a linear map: of the head of a language model. */
public final class LinearCrossEntropy {
  /** The target that does not count, as in PyTorch. */
  static final long IGNORED = -100;

  private LinearCrossEntropy() {}

  /**
   * Computes the mean over the targets of {@code -log softmax(scale * W h)[target]}. On CUDA the
   * logits stay in the type of the hidden states, and their gradient takes their place.
   *
   * @param hidden [..., width]
   * @param weight [classes, width]
   * @param scale what logits are multiplied by
   * @param targets int64 [...]: classes, or -100 for none
   * @return a scalar in nats, at least float32; 0 if no target counts
   */
  public static Tensor of(Tensor hidden, Tensor weight, double scale, Tensor targets) {
    return of(hidden, weight, scale, targets, Optional.empty());
  }

  /**
   * Computes the same for a backward that begins with a gradient which is known by now.
   *
   * @param gradient a scalar in the type of the loss, not 0: where this very tensor arrives in
   *     backward, nothing is multiplied by it any more, as it is in the gradient of the logits;
   *     whatever else arrives counts as ever
   */
  public static Tensor of(
      Tensor hidden, Tensor weight, double scale, Tensor targets, Optional<Tensor> gradient) {
    return Scopes.keep(
        () -> {
          Tensor flat = targets.reshape(-1);
          Optional<LogitsLoss> fused = FusedCrossEntropy.of(hidden, weight, scale);
          return fused.isPresent()
              ? LinearLoss.of(fused.get(), hidden, weight, flat, gradient)
              : plain(hidden, weight, scale, flat);
        });
  }

  /** The same by LibTorch's operators, logits in float32 at least. */
  static Tensor plain(Tensor hidden, Tensor weight, double scale, Tensor targets) {
    Tensor logits = Tensors.upcast(Tensors.scaled(Tensors.linear(hidden, weight), scale));
    Tensor mean = torch.cross_entropy_loss(logits.view(-1, weight.size(0)), targets);
    try (Scalar ignored = new Scalar(IGNORED)) { // where nothing counts, 0 / 0
      return Tensors.maskedFill(mean, targets.eq(ignored).all(), 0);
    }
  }
}
