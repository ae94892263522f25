package dev.hydra.ffn.moe;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import com.typesafe.config.ConfigFactory;
import dev.hydra.api.Role;
import dev.hydra.composer.model.Components;
import dev.hydra.composer.model.ForwardContext;
import dev.hydra.composer.model.Parameter;
import dev.hydra.composer.model.Placement;
import dev.hydra.composer.model.StandaloneComponent;
import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.router.topk.TokenHashRouterFactory;
import java.util.Objects;
import java.util.Random;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A thousand experts of a few hidden units, chosen by token. */
class ManyExpertsTest {
  private static final int WIDTH = 8;
  private static final int HIDDEN = 4;
  private static final int TIME = 40;

  @ParameterizedTest
  @CsvSource({"1, Double, 1e-12", "2, Double, 1e-12", "2, Float, 1e-5"})
  void eachTokenGoesThroughItsOwn(int topK, ScalarType type, double bound) {
    String router = "type = token-hash, top-k = " + topK;
    double[] x = new Random(1).doubles(TIME * WIDTH, -1, 1).toArray();
    long[] tokens = new Random(2).longs(TIME, 0, 50_000).toArray();
    try (PointerScope scope = new PointerScope();
        StandaloneComponent moe =
            build(Role.FEED_FORWARD, "type = moe, hidden = 4, router { " + router + " }", type);
        StandaloneComponent alone = build(Role.ROUTER, router, type);
        ForwardContext forward = ForwardContext.evaluation().observing();
        Grad off = Grad.off()) {
      Tensor input = Tensor.create(x, 1, TIME, WIDTH).to(type);
      forward.about(Tensor.create(tokens, 1, TIME));
      double[] y = Tensors.numbers(moe.forward(input, forward));
      long[] experts = Tensors.integers(alone.route(input, forward).experts());
      double[] gateUp = weight(moe, "component.gate_up.weight");
      double[] down = weight(moe, "component.down.weight");
      double[] expected = new double[x.length];
      for (int i = 0; i < experts.length; i++) {
        add(expected, x, i / topK, (int) experts[i], gateUp, down, 1.0 / topK);
      }
      assertArrayEquals(expected, y, bound);
      Tensor dropped = forward.observations().get("component.dropped");
      assertEquals(0, Tensors.number(Objects.requireNonNull(dropped)));
    }
  }

  private static void add(
      double[] sum, double[] x, int token, int expert, double[] gateUp, double[] down, double w) {
    for (int h = 0; h < HIDDEN; h++) {
      double gate = 0;
      double up = 0;
      for (int i = 0; i < WIDTH; i++) {
        gate += gateUp[(expert * 2 * HIDDEN + h) * WIDTH + i] * x[token * WIDTH + i];
        up += gateUp[(expert * 2 * HIDDEN + HIDDEN + h) * WIDTH + i] * x[token * WIDTH + i];
      }
      double unit = gate / (1 + Math.exp(-gate)) * up;
      for (int i = 0; i < WIDTH; i++) {
        sum[token * WIDTH + i] += w * down[(expert * WIDTH + i) * HIDDEN + h] * unit;
      }
    }
  }

  private static StandaloneComponent build(Role role, String config, ScalarType type) {
    int outputs = role == Role.ROUTER ? 1024 : WIDTH;
    StandaloneComponent component =
        new StandaloneComponent(
            Components.of(new MoeFactory(), new TokenHashRouterFactory()),
            role,
            ConfigFactory.parseString(config + (role == Role.ROUTER ? "" : ", experts = 1024")),
            WIDTH,
            outputs,
            new Placement(Devices.cpu(), type),
            1);
    // Away from the small initial weights, which would make every output nearly zero.
    try (PointerScope scope = new PointerScope();
        Grad off = Grad.off()) {
      for (Parameter parameter : component.parameters().all()) {
        component.parameters().load(parameter.name(), Tensors.mul(parameter.master(), 3));
      }
    }
    return component;
  }

  private static double[] weight(StandaloneComponent component, String name) {
    return component.parameters().all().stream()
        .filter(parameter -> parameter.name().equals(name))
        .map(parameter -> Tensors.numbers(parameter.working()))
        .findFirst()
        .orElseThrow();
  }
}
