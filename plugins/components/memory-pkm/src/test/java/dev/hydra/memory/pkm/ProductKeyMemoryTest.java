package dev.hydra.memory.pkm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.typesafe.config.ConfigFactory;
import dev.hydra.api.ConfigException;
import dev.hydra.api.Cost;
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
import dev.hydra.testing.InScope;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@ExtendWith(InScope.class)
class ProductKeyMemoryTest {
  private static final int WIDTH = 6;
  private static final int TIME = 9;
  private static final int KEYS = 5;
  private static final int KEY_DIM = 8;
  private static final int HEADS = 2;
  private static final int TOP_K = 3;
  private static final String OPTIONS =
      "keys = 5, key-dim = 8, value-dim = 4, heads = 2, top-k = 3, query-norm = ";

  private final double[] x = new Random(1).doubles((long) TIME * WIDTH, -2, 2).toArray();

  @ParameterizedTest
  @EnumSource(QueryNorm.class)
  void readsTheBestOfAllRows(QueryNorm norm) {
    try (StandaloneComponent memory = memory(OPTIONS + norm.name().toLowerCase(Locale.ROOT));
        ForwardContext forward = ForwardContext.evaluation().observing();
        Grad off = Grad.off()) {
      moveScales(memory);
      Tensor y = memory.forward(Tensor.create(x, 1, TIME, WIDTH), forward);
      ProductKeyReference reference =
          new ProductKeyReference(weights(memory), norm, WIDTH, KEYS, KEY_DIM, HEADS, TOP_K);
      assertArrayEquals(reference.run(x), Tensors.numbers(y), 1e-12);

      Tensor rows = Objects.requireNonNull(forward.observations().get("component.rows")).to_dense();
      assertArrayEquals(reference.shares(), Tensors.numbers(rows), 1e-12);
      assertEquals(reference.usage(), observed(forward, "usage"), 1e-12);
      assertEquals(reference.divergence(), observed(forward, "kl"), 1e-12);
    }
  }

  private static double observed(ForwardContext forward, String name) {
    return Tensors.number(
        Objects.requireNonNull(forward.observations().get("component." + name), name));
  }

  private static void moveScales(StandaloneComponent memory) {
    for (Parameter parameter : memory.parameters().all()) {
      if (parameter.name().endsWith("query_norm.weight")) {
        double[] scales = new Random(2).doubles(parameter.spec().elements(), 0.5, 2).toArray();
        memory.parameters().load(parameter.name(), Tensor.create(scales, HEADS, KEY_DIM));
      }
    }
  }

  private static Map<String, double[]> weights(StandaloneComponent memory) {
    Map<String, double[]> weights = new HashMap<>();
    for (Parameter parameter : memory.parameters().all()) {
      weights.put(
          parameter.name().substring("component.".length()), Tensors.numbers(parameter.working()));
    }
    return weights;
  }

  @Test
  void refusesAnOddKeyDimension() {
    ConfigException refused = assertThrows(ConfigException.class, () -> memory("key-dim = 7"));
    assertThat(refused.toString()).contains("set it to 8");
  }

  @Test
  void refusesMoreRowsThanSubKeys() {
    ConfigException refused =
        assertThrows(ConfigException.class, () -> memory("keys = 3, top-k = 4"));
    assertThat(refused.toString()).contains("raise keys");
  }

  @Test
  void countsWorkAndIdleRows() {
    try (StandaloneComponent memory = memory(OPTIONS + "rms")) {
      Cost cost = memory.cost(Workload.sequence(10));
      double queries = 2 * 10 * WIDTH * 16;
      double scores = 2 * 10 * 2 * (2 * 5 * 4);
      double sums = 2 * 10 * 6 * 4;
      double out = 2 * 10 * 4 * WIDTH;
      assertEquals(queries + scores + sums + out, cost.flops());
      assertEquals((25 - 6) * 4, cost.idleParameters());
      assertEquals(0, cost.state());
    }
  }

  private static StandaloneComponent memory(String options) {
    return new StandaloneComponent(
        Components.of(new ProductKeyMemoryFactory()),
        Role.MEMORY,
        ConfigFactory.parseString("type = pkm\n" + options),
        WIDTH,
        WIDTH,
        new Placement(Devices.cpu(), ScalarType.Double),
        1);
  }
}
