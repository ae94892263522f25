package dev.hydra.inference;

import dev.hydra.composer.model.ForwardContext;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.ModelState;
import dev.hydra.composer.model.Parameter;
import dev.hydra.composer.model.Placement;
import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.runtime.ComputeType;
import dev.hydra.libtorch.runtime.QuantizedWeights;
import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.WeightFormat;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/** What the weights of linear maps are rounded to where texts are continued. */
public enum Quantization {
  /** They stay as they are. */
  NONE(null),
  /** Symmetric int8 with a scale for each output row; what they multiply stays in bfloat16. */
  INT8(WeightFormat.INT8),
  /** int4 with a scale for each 32 weights of a row; what they multiply stays in bfloat16. */
  INT4(WeightFormat.INT4);

  private final @Nullable WeightFormat format;

  Quantization(@Nullable WeightFormat format) {
    this.format = format;
  }

  /** Returns the integers; empty if weights stay as they are. */
  Optional<WeightFormat> format() {
    return Optional.ofNullable(format);
  }

  /**
   * Checks that a model can be quantized where it lives.
   *
   * @throws IllegalArgumentException if it cannot
   */
  public void check(Placement placement) {
    if (format == null) {
      return;
    }
    format.check(placement.device());
    if (placement.compute() != ScalarType.BFloat16) {
      throw new IllegalArgumentException(
          name().toLowerCase(Locale.ROOT)
              + " weights are multiplied in bfloat16, not in "
              + ComputeType.name(placement.compute())
              + ": LibTorch's products in other types are slower, or there are none; compute in"
              + " bfloat16");
    }
  }

  /**
   * Rounds the weights of a model, in place, for those who measure what that costs in quality. An
   * {@link Engine} does it by itself.
   *
   * @throws IllegalArgumentException if it {@linkplain #check cannot} be quantized
   */
  public void round(Model model) {
    check(model.placement());
    if (format != null) {
      QuantizedWeights.round(format, weights(model), () -> decode(model));
    }
  }

  /** The parameters that may be rounded; those that are kept in float32 are not. */
  static List<Tensor> weights(Model model) {
    return model.parameters().all().stream()
        .filter(each -> !each.spec().fp32())
        .map(Parameter::working)
        .toList();
  }

  /** Decodes two tokens, so that it shows which weights a step multiplies by. */
  static void decode(Model model) {
    try (Grad off = Grad.off();
        ModelState state = new ModelState()) {
      for (int i = 0; i < 2; i++) {
        Scopes.run(
            () -> {
              try (ForwardContext forward = ForwardContext.evaluation().with(state)) {
                Tensor ids = SequenceScorer.ids(model, new int[] {0});
                Tensor unused = model.logits(model.hidden(ids, forward));
              }
            });
      }
    }
  }
}
