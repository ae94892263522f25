package dev.hydra.ffn.dense;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import com.typesafe.config.ConfigFactory;
import dev.hydra.api.ComponentFactory;
import dev.hydra.api.ConfigException;
import dev.hydra.api.FeedForward;
import dev.hydra.api.HydraPlugin;
import dev.hydra.api.Role;
import dev.hydra.api.Workload;
import dev.hydra.composer.model.Components;
import dev.hydra.composer.model.ForwardContext;
import dev.hydra.composer.model.Parameter;
import dev.hydra.composer.model.Placement;
import dev.hydra.composer.model.StandaloneComponent;
import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.tck.Conformance;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.function.DoubleUnaryOperator;
import java.util.stream.Stream;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

class DenseFeedForwardTest {
  @TestFactory
  Stream<DynamicTest> conforms() {
    return Stream.of(new SwigluFactory(), new GegluFactory(), new GeluFactory())
        .flatMap(
            factory ->
                Stream.of("", "hidden = 5, bias = true")
                    .flatMap(
                        options ->
                            Conformance.of(factory).options(options).tests().stream()
                                .map(
                                    check ->
                                        dynamicTest(
                                            name(factory) + " [" + options + "] " + check.name(),
                                            check::run))));
  }

  @Test
  void swigluEqualsItsFormula() {
    equalsFormula(new SwigluFactory(), DenseFeedForwardTest::silu, true);
  }

  @Test
  void gegluEqualsItsFormula() {
    equalsFormula(new GegluFactory(), DenseFeedForwardTest::gelu, true);
  }

  @Test
  void geluEqualsItsFormula() {
    equalsFormula(new GeluFactory(), DenseFeedForwardTest::gelu, false);
  }

  private static double silu(double z) {
    return z / (1 + Math.exp(-z));
  }

  /**
   * {@code z Phi(z)}, with the normal distribution summed up from its density by Simpson's rule.
   */
  private static double gelu(double z) {
    int steps = 2000;
    double h = z / steps;
    double sum = 0;
    for (int i = 0; i <= steps; i++) {
      double weight = i == 0 || i == steps ? 1 : i % 2 == 1 ? 4 : 2;
      sum += weight * Math.exp(-i * h * i * h / 2);
    }
    return z * (0.5 + sum * h / 3 / Math.sqrt(2 * Math.PI));
  }

  private static void equalsFormula(
      ComponentFactory<FeedForward> factory, DoubleUnaryOperator activation, boolean gated) {
    int width = 3;
    int hidden = 4;
    try (PointerScope scope = new PointerScope();
        StandaloneComponent component = build(factory, "hidden = 4, bias = true", width)) {
      Map<String, double[]> p = new TreeMap<>();
      for (Parameter parameter : component.parameters().all()) {
        double[] values = new double[(int) parameter.spec().elements()];
        for (int i = 0; i < values.length; i++) {
          values[i] = Math.sin(7.0 * i + parameter.name().length());
        }
        Tensor value = Tensor.create(values).view(parameter.spec().sizes());
        component.parameters().load(parameter.name(), value);
        p.put(parameter.name().substring(parameter.name().indexOf('.') + 1), values);
      }
      double[] x = {0.3, -1.2, 2.1};
      double[] inner = affine(p, gated ? "gate_proj" : "up_proj", x, hidden);
      double[] up = affine(p, "up_proj", x, hidden);
      for (int i = 0; i < hidden; i++) {
        inner[i] = activation.applyAsDouble(inner[i]) * (gated ? up[i] : 1);
      }
      double[] expected = affine(p, "down_proj", inner, width);
      try (ForwardContext forward = ForwardContext.evaluation();
          Grad off = Grad.off()) {
        Tensor y = component.forward(Tensor.create(x).view(1, 1, width), forward);
        assertArrayEquals(expected, Tensors.numbers(y), 1e-10);
      }
    }
  }

  private static double[] affine(Map<String, double[]> p, String name, double[] x, int out) {
    double[] y = Objects.requireNonNull(p.get(name + ".bias")).clone();
    double[] weight = Objects.requireNonNull(p.get(name + ".weight"));
    for (int o = 0; o < out; o++) {
      for (int i = 0; i < x.length; i++) {
        y[o] += weight[o * x.length + i] * x[i];
      }
    }
    return y;
  }

  @Test
  void hiddenDefaultsToEqualParameters() {
    assertEquals(3 * 688 * 256, parameters(new SwigluFactory(), 256));
    assertEquals(3 * 32 * 12, parameters(new GegluFactory(), 12));
    assertEquals(2 * 1024 * 256, parameters(new GeluFactory(), 256));
  }

  private static long parameters(ComponentFactory<FeedForward> factory, int width) {
    try (StandaloneComponent component = build(factory, "", width)) {
      return component.parameters().all().stream().mapToLong(p -> p.spec().elements()).sum();
    }
  }

  @Test
  void costCountsTheProducts() {
    try (StandaloneComponent gated = build(new SwigluFactory(), "hidden = 5", 16);
        StandaloneComponent plain = build(new GeluFactory(), "hidden = 5", 16)) {
      assertEquals(3 * 2 * 7 * 16 * 5, gated.cost(Workload.sequence(7)).flops());
      assertEquals(2 * 2 * 7 * 16 * 5, plain.cost(Workload.sequence(7)).flops());
      assertEquals(0, plain.cost(Workload.sequence(7)).state());
    }
  }

  @Test
  void badHiddenIsRefused() {
    ConfigException refused =
        assertThrows(
            ConfigException.class, () -> build(new GeluFactory(), "hidden = 0", 16).close());
    String message = String.valueOf(refused.getMessage());
    assertThat(message).contains("hidden: must be at least 1, but is 0");
  }

  private static String name(ComponentFactory<FeedForward> factory) {
    return factory.getClass().getAnnotation(HydraPlugin.class).value();
  }

  private static StandaloneComponent build(
      ComponentFactory<FeedForward> factory, String options, int width) {
    return new StandaloneComponent(
        Components.of(factory),
        Role.FEED_FORWARD,
        ConfigFactory.parseString("type = " + name(factory) + ", " + options),
        width,
        width,
        new Placement(Devices.cpu(), ScalarType.Double),
        1);
  }
}
