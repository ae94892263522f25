package dev.hydra.mixer.attention;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import dev.hydra.api.ComponentFactory;
import dev.hydra.api.ConfigException;
import dev.hydra.api.HydraPlugin;
import dev.hydra.api.Mixer;
import dev.hydra.api.Role;
import dev.hydra.api.Workload;
import dev.hydra.composer.model.Components;
import dev.hydra.composer.model.ForwardContext;
import dev.hydra.composer.model.ModelState;
import dev.hydra.composer.model.Parameter;
import dev.hydra.composer.model.Placement;
import dev.hydra.composer.model.StandaloneComponent;
import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Arrays;
import java.util.Map;
import java.util.stream.Collectors;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Generator;
import org.bytedeco.pytorch.GeneratorOptional;
import org.bytedeco.pytorch.Scalar;
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
    Placement precision = new Placement(Devices.cpu(), type);
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
    try (ForwardContext forward = ForwardContext.evaluation();
        Grad off = Grad.off()) {
      return component.forward(x, forward);
    }
  }

  /** Continues a sequence from a state, and leaves the new state there. */
  Tensor continued(Tensor x, ModelState state) {
    try (ForwardContext forward = ForwardContext.evaluation().with(state);
        Grad off = Grad.off()) {
      return component.forward(x, forward);
    }
  }

  /** Checks that the output for x [batch, time, width] is that of plain loops. */
  void equalsLoops(NaiveAttention naive, Tensor x) {
    Tensor y = forward(x);
    for (int row = 0; row < x.size(0); row++) {
      double[][] expected = naive.forward(row(x, row), parameters());
      double[][] actual = row(y, row);
      for (int t = 0; t < expected.length; t++) {
        assertArrayEquals(expected[t], actual[t], 1e-10, "row " + row + ", token " + t);
      }
    }
  }

  /** Checks that x [batch, time, width] in chunks, cut before some tokens, gives the same. */
  void chunksEqualTheWhole(Tensor x, long... cuts) {
    try (ModelState state = new ModelState()) {
      Tensor[] parts = new Tensor[cuts.length + 1];
      for (int i = 0; i <= cuts.length; i++) {
        parts[i] = continued(part(x, i, cuts), state);
      }
      assertTrue(Tensors.cat(1, parts).allclose(forward(x), 0, 1e-10, false));
      long time = x.size(1);
      assertEquals(
          x.size(0) * component.cost(new Workload(1, time - 1)).state(), (double) state.elements());
    }
  }

  /** Checks that documents, cut before some tokens, give the same packed and each on its own. */
  void documentsEqualSeparateOnes(Tensor x, long... cuts) {
    Tensor[] numbers = new Tensor[cuts.length + 1];
    for (int i = 0; i <= cuts.length; i++) {
      long length = part(x, i, cuts).size(1);
      numbers[i] =
          torch.full(new long[] {1, length}, new Scalar(3L * i), Tensors.like(x, ScalarType.Long));
    }
    Tensor together;
    try (ForwardContext forward =
            ForwardContext.evaluation().withDocuments(Tensors.cat(1, numbers));
        Grad off = Grad.off()) {
      together = component.forward(x, forward);
    }
    for (int i = 0; i <= cuts.length; i++) {
      Tensor alone = forward(part(x, i, cuts));
      assertTrue(part(together, i, cuts).allclose(alone, 0, 1e-10, false), "document " + i);
    }
  }

  private static Tensor part(Tensor x, int index, long... cuts) {
    long from = index == 0 ? 0 : cuts[index - 1];
    return Tensors.slice(x, 1, from, index == cuts.length ? x.size(1) : cuts[index]);
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
