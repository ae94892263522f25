package dev.hydra.mixer.attention;

import static org.junit.jupiter.api.Assertions.assertThrows;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import dev.hydra.api.ComponentFactory;
import dev.hydra.api.ConfigException;
import dev.hydra.api.HydraPlugin;
import dev.hydra.api.Mixer;
import dev.hydra.api.Role;
import dev.hydra.composer.Components;
import dev.hydra.composer.Forward;
import dev.hydra.composer.Parameter;
import dev.hydra.composer.Precision;
import dev.hydra.composer.StandaloneComponent;
import dev.hydra.libtorch.Devices;
import dev.hydra.libtorch.Grad;
import dev.hydra.libtorch.Tensors;
import java.util.Arrays;
import java.util.Map;
import java.util.stream.Collectors;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Generator;
import org.bytedeco.pytorch.GeneratorOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** A mixer under test, with parameters large enough for the softmax to be far from uniform. */
final class Trial implements AutoCloseable {
  private final PointerScope scope = new PointerScope();
  private final StandaloneComponent component;
  private final ScalarType type;

  Trial(ComponentFactory<Mixer> factory, String options, int width, ScalarType type) {
    this.type = type;
    component = build(factory, options, width, type);
    long seed = 0;
    for (Parameter parameter : component.parameters().all()) {
      component.parameters().load(parameter.name(), random(++seed, parameter.spec().sizes()));
    }
  }

  private static StandaloneComponent build(
      ComponentFactory<Mixer> factory, String options, int width, ScalarType type) {
    String name = factory.getClass().getAnnotation(HydraPlugin.class).value();
    Config config = ConfigFactory.parseString("type = \"" + name + "\", " + options);
    Precision precision = new Precision(Devices.cpu(), type);
    return new StandaloneComponent(
        Components.of(factory), Role.MIXER, config, width, width, precision, 1);
  }

  /** The message with which options are refused at width 16. */
  static String refusal(ComponentFactory<Mixer> factory, String options) {
    ConfigException refused =
        assertThrows(
            ConfigException.class, () -> build(factory, options, 16, ScalarType.Float).close());
    return String.valueOf(refused.getMessage());
  }

  /** Normally distributed numbers with standard deviation 1/2. */
  static Tensor random(long seed, long... sizes) {
    Generator generator = torch.make_generator_cpu(seed);
    TensorOptions options = new TensorOptions(ScalarType.Double);
    return Tensors.mul(torch.randn(sizes, new GeneratorOptional(generator), options), 0.5);
  }

  StandaloneComponent component() {
    return component;
  }

  /** Hidden states [batch, time, width] to give to {@link #forward}. */
  Tensor input(long batch, long time, long width) {
    return random(99, batch, time, width).to(type);
  }

  Tensor forward(Tensor x) {
    try (Forward forward = Forward.evaluation();
        Grad off = Grad.off()) {
      return component.forward(x, forward);
    }
  }

  /** The parameters by their names below the site, flat. */
  Map<String, double[]> parameters() {
    return component.parameters().all().stream()
        .collect(
            Collectors.toMap(
                p -> p.name().substring(p.name().indexOf('.') + 1),
                p -> Tensors.numbers(p.working())));
  }

  /** Row {@code batch} of a tensor [batch, time, width]. */
  static double[][] row(Tensor tensor, int batch) {
    double[] flat = Tensors.numbers(Tensors.slice(tensor, 0, batch, batch + 1));
    int width = (int) tensor.size(2);
    double[][] rows = new double[(int) tensor.size(1)][];
    for (int t = 0; t < rows.length; t++) {
      rows[t] = Arrays.copyOfRange(flat, t * width, (t + 1) * width);
    }
    return rows;
  }

  @Override
  public void close() {
    component.close();
    scope.close();
  }
}
