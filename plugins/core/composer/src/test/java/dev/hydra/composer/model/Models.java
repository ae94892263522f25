package dev.hydra.composer.model;

import dev.hydra.api.ComponentFactory;
import dev.hydra.composer.spec.ModelSpec;
import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Generator;
import org.bytedeco.pytorch.GeneratorOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Small models of the test components. */
public final class Models {
  public static final long SEED = 7;

  /** A parallel block with a nested component and gates of every kind. */
  public static final String HYBRID =
      """
      model {
        vocab-size = 11, width = 4, depth = 2
        block {
          topology = parallel
          paths = [
            { mixer = running-sum, gate = 0.9 }
            { ffn { type = scales, experts = 3, router { type = best } }, gate = learned, at = 1 }
          ]
        }
      }
      """;

  private Models() {}

  /** The test components and others. */
  public static Components components(ComponentFactory<?>... others) {
    return Components.of(
        Stream.concat(
                Stream.of(new RunningSumFactory(), new ScalesFactory(), new BestFactory()),
                Arrays.stream(others))
            .toArray(ComponentFactory<?>[]::new));
  }

  public static Model build(String hocon, Device device, ScalarType compute, long seed) {
    return Model.build(
        ModelSpec.read(Texts.config(hocon)), components(), new Placement(device, compute), seed);
  }

  /** Builds {@link #HYBRID} in float32 on the CPU. */
  public static Model hybrid() {
    return build(HYBRID, ScalarType.Float);
  }

  /** Builds a model whose parameters are to be read. */
  public static Model toRead(String hocon, Placement placement) {
    return Model.toRead(ModelSpec.read(Texts.config(hocon)), components(), placement);
  }

  public static Model build(String hocon, ScalarType compute) {
    return build(hocon, Devices.cpu(), compute, SEED);
  }

  /** A float64 model away from its initialisation, where zeros and ones would hide mistakes. */
  public static Model random(String hocon) {
    Model model = build(hocon, ScalarType.Double);
    long seed = SEED;
    for (Parameter parameter : model.parameters().all()) {
      Tensor value = normal(++seed, parameter.spec().sizes());
      Scopes.run(() -> model.parameters().load(parameter.name(), value));
    }
    return model;
  }

  /** Normally distributed float64 numbers. */
  static Tensor normal(long seed, long... sizes) {
    return Scopes.keep(
        () -> {
          Generator generator = torch.make_generator_cpu(seed);
          return torch.randn(
              sizes, new GeneratorOptional(generator), new TensorOptions(ScalarType.Double));
        });
  }

  /** int64 [1, time]. */
  public static Tensor tokens(long... tokens) {
    return Tensor.create(tokens).unsqueeze(0);
  }

  /** The last hidden states, evaluated without gradient. */
  public static Tensor hidden(Model model, Tensor tokens) {
    try (ForwardContext forward = ForwardContext.evaluation();
        Grad off = Grad.off()) {
      return model.hidden(tokens, forward);
    }
  }

  /** The masters by name. */
  public static Map<String, double[]> values(Model model) {
    Map<String, double[]> values = new TreeMap<>();
    for (Parameter parameter : model.parameters().all()) {
      Scopes.run(() -> values.put(parameter.name(), Tensors.numbers(parameter.master())));
    }
    return values;
  }
}
