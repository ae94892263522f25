package dev.hydra.inference;

import dev.hydra.api.Messages;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.Parameter;
import dev.hydra.composer.swap.FreeMemory;
import dev.hydra.libtorch.runtime.Int8Weights;
import dev.hydra.libtorch.runtime.PackedWeights;
import dev.hydra.libtorch.runtime.WeightCopies;
import java.util.List;
import org.bytedeco.pytorch.Tensor;

/** Copies of a model's weights, in the form in which decoding steps multiply by them on a CPU. */
final class DecodingWeights implements AutoCloseable {
  private final Model model;
  private final Quantization quantization;
  private WeightCopies copies;

  /**
   * Makes the copies.
   *
   * @throws IllegalArgumentException if the model cannot be quantized
   */
  DecodingWeights(Model model, Quantization quantization) {
    quantization.check(model.placement());
    this.model = model;
    this.quantization = quantization;
    this.copies = make();
  }

  private WeightCopies make() {
    return switch (quantization) {
      case NONE -> packed();
      case INT8 -> int8();
    };
  }

  /** The layout that is multiplied by faster, unless the texts would be short of memory for it. */
  private WeightCopies packed() {
    List<Tensor> weights = model.parameters().all().stream().map(Parameter::working).toList();
    return new PackedWeights(2 * bytes(weights) <= FreeMemory.bytes() ? weights : List.of());
  }

  private WeightCopies int8() {
    List<Tensor> weights = Quantization.weights(model);
    long more = bytes(weights) / 2;
    long free = FreeMemory.bytes();
    if (more > free) {
      throw new IllegalArgumentException(
          "int8 weights take up to "
              + Messages.bytes(more)
              + " beside those in bfloat16, and "
              + Messages.bytes(free)
              + " of memory are free; decode without quantization");
    }
    return Int8Weights.of(weights, () -> Quantization.decode(model));
  }

  private static long bytes(List<Tensor> weights) {
    return weights.stream().mapToLong(Tensor::nbytes).sum();
  }

  /** Lets the products of this thread go by the copies. */
  WeightCopies.Use use() {
    return copies.use();
  }

  /** The model is another one now. */
  void changed() {
    copies.close();
    copies = make();
  }

  /** Frees the copies; {@link #changed} makes them again. */
  @Override
  public void close() {
    copies.close();
  }
}
