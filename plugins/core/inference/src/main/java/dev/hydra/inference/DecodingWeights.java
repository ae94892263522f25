package dev.hydra.inference;

import dev.hydra.api.Messages;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.Parameter;
import dev.hydra.libtorch.runtime.FreeMemory;
import dev.hydra.libtorch.runtime.PackedWeights;
import dev.hydra.libtorch.runtime.QuantizedWeights;
import dev.hydra.libtorch.runtime.WeightCopies;
import dev.hydra.libtorch.runtime.WeightFormat;
import java.util.List;
import java.util.Locale;
import java.util.function.Consumer;
import org.bytedeco.pytorch.Tensor;

/** Copies of a model's weights, in the form in which decoding steps multiply by them. */
final class DecodingWeights implements AutoCloseable {
  private final Model model;
  private final Quantization quantization;
  private final Consumer<String> warned;
  private List<String> told = List.of();
  private WeightCopies copies;

  /**
   * Makes the copies.
   *
   * @param warned is told which matrices are not quantized
   * @throws IllegalArgumentException if the model cannot be quantized
   */
  DecodingWeights(Model model, Quantization quantization, Consumer<String> warned) {
    quantization.check(model.placement());
    this.model = model;
    this.quantization = quantization;
    this.warned = warned;
    this.copies = make();
  }

  private WeightCopies make() {
    return quantization.format().<WeightCopies>map(this::quantized).orElseGet(this::packed);
  }

  /** The layout that is multiplied by faster, unless the texts would be short of memory for it. */
  private WeightCopies packed() {
    List<Tensor> weights = model.parameters().all().stream().map(Parameter::working).toList();
    return new PackedWeights(2 * bytes(weights) <= FreeMemory.bytes() ? weights : List.of());
  }

  private WeightCopies quantized(WeightFormat format) {
    List<Tensor> weights = Quantization.weights(model);
    long more = format.copyBytes(bytes(weights));
    long free = FreeMemory.bytes();
    if (model.placement().device().is_cpu() && more > free) {
      throw new IllegalArgumentException(
          name()
              + " weights take up to "
              + Messages.bytes(more)
              + " beside those in bfloat16, and "
              + Messages.bytes(free)
              + " of memory are free; decode without quantization");
    }
    QuantizedWeights made = QuantizedWeights.of(format, weights, () -> Quantization.decode(model));
    if (!told.containsAll(made.kept())) {
      told = made.kept();
      warned.accept(
          "matrices stay in bfloat16 whose shape LibTorch's product by "
              + name()
              + " does not take: "
              + String.join(", ", told));
    }
    return made;
  }

  private String name() {
    return quantization.name().toLowerCase(Locale.ROOT);
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
