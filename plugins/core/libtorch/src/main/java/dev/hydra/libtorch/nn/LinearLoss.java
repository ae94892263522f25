package dev.hydra.libtorch.nn;

import dev.hydra.libtorch.autograd.CustomFunction;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * The mean loss of a linear map's results, of which there is one tensor: forward puts the gradient
 * of the logits in their place, backward multiplies it with the map and what that was applied to.
 */
final class LinearLoss extends CustomFunction {
  private static final int ROWS = 0;
  private static final int WEIGHT = 1;
  private static final int TARGETS = 2;
  private static final int GRADIENT = 3;

  /** What is saved in the place of the targets. */
  private static final int LOGITS = 2;

  private final LogitsLoss loss;
  private final Optional<GradientSum> shared;

  private LinearLoss(LogitsLoss loss, Optional<GradientSum> shared) {
    this.loss = loss;
    this.shared = shared;
  }

  /**
   * Computes {@link LinearCrossEntropy#of}.
   *
   * @param targets [n]
   */
  static Tensor of(
      LogitsLoss loss, Tensor hidden, Tensor weight, Tensor targets, Optional<Tensor> gradient) {
    List<Tensor> inputs =
        new ArrayList<>(List.of(hidden.reshape(-1, hidden.size(-1)), weight, targets));
    gradient.ifPresent(inputs::add);
    return new LinearLoss(loss, GradientSum.behind(weight)).apply(inputs.toArray(Tensor[]::new))[0];
  }

  @Override
  protected Tensor[] forward(Context context, Tensor... inputs) {
    Tensor rows = inputs[ROWS];
    Tensor weight = inputs[WEIGHT];
    Tensor targets = inputs[TARGETS].contiguous();
    Tensor logits = torch.mm_out(loss.room(rows, weight.size(0)), rows, weight.t());
    Tensor mean;
    try (Scalar ignored = new Scalar(LinearCrossEntropy.IGNORED);
        Scalar one = new Scalar(1f)) { // where nothing counts, the sum is 0
      mean = targets.ne(ignored).sum().to(type(rows)).clamp_min(one).reciprocal();
    }
    boolean known = inputs.length > GRADIENT;
    Tensor factor = known ? mean.mul(inputs[GRADIENT]) : mean;
    boolean needed = context.needsGrad(ROWS) || context.needsGrad(WEIGHT);
    Tensor losses = loss.compute(logits, targets, factor, needed);
    context.save(rows, weight, logits);
    if (known) {
      context.save(inputs[GRADIENT]);
    }
    return new Tensor[] {losses.sum().mul(mean)};
  }

  /** The type of the loss. */
  private static ScalarType type(Tensor rows) {
    ScalarType type = Tensors.type(rows);
    return type == ScalarType.Double ? type : ScalarType.Float;
  }

  @Override
  protected void backward(Context context, Gradients gradients) {
    Tensor rows = context.saved(ROWS);
    Tensor weight = context.saved(WEIGHT);
    Tensor dLogits = context.saved(LOGITS);
    Optional<Tensor> known =
        context.savedCount() > GRADIENT ? Optional.of(context.saved(GRADIENT)) : Optional.empty();
    Optional<Tensor> factor = missing(known, gradients.of(0));
    if (context.needsGrad(ROWS)) {
      gradients.give(ROWS, times(dLogits.mm(weight), factor));
    }
    if (context.needsGrad(WEIGHT)) {
      GradientSum.Room room = GradientSum.room(shared, weight);
      SharedInput.multiply(dLogits.t(), times(rows, factor), room.tensor(), room.adds());
      room.give(gradients, WEIGHT);
    }
  }

  /**
   * Finds what is still to be multiplied by, if anything.
   *
   * @param known what the gradient of the logits has been multiplied by
   */
  static Optional<Tensor> missing(Optional<Tensor> known, Tensor arrived) {
    if (known.isEmpty()) {
      return Optional.of(arrived);
    }
    Tensor done = known.get();
    boolean same = arrived.is_alias_of(done) && arrived.storage_offset() == done.storage_offset();
    return same ? Optional.empty() : Optional.of(arrived.div(done));
  }

  private static Tensor times(Tensor values, Optional<Tensor> factor) {
    return factor.map(values::mul).orElse(values);
  }
}
