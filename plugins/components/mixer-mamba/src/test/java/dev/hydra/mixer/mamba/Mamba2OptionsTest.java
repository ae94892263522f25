package dev.hydra.mixer.mamba;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

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
import dev.hydra.testing.RandomInput;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;

/** What options mean, told by mixers that must agree. */
class Mamba2OptionsTest {
  private static final int WIDTH = 16;
  private static final String SMALL = "type = mamba2, state = 4, head-dim = 8, groups = 2, ";

  @Test
  void multipliersScaleRowsOfTheProjection() {
    try (PointerScope scope = new PointerScope();
        StandaloneComponent scaled = create("bias = true, multipliers = [0.5, 2, -1, 3, 0.25]");
        StandaloneComponent plain = create("bias = true")) {
      for (String name : new String[] {"in_proj.weight", "in_proj.bias"}) {
        double[] factors = {0.5, 2, -1, 3, 0.25};
        long[] rows = {32, 32, 8, 8, 4};
        Tensor weight = parameter(scaled, name).master();
        Tensor[] parts = new Tensor[rows.length];
        long from = 0;
        for (int i = 0; i < rows.length; i++) {
          parts[i] = Tensors.mul(Tensors.slice(weight, 0, from, from + rows[i]), factors[i]);
          from += rows[i];
        }
        assertEquals(weight.size(0), from);
        plain.parameters().load("component." + name, Tensors.cat(0, parts).detach());
      }
      assertArrayEquals(run(plain), run(scaled), 1e-12);
    }
  }

  @Test
  void aLearnedStateOfZerosIsNoneAndAnyOtherCounts() {
    try (PointerScope scope = new PointerScope();
        StandaloneComponent learned = create("initial-state = learned");
        StandaloneComponent plain = create("")) {
      double[] without = run(plain);
      assertArrayEquals(without, run(learned), 1e-15);
      Tensor state = new RandomInput().values(4, 8, 4);
      learned.parameters().load("component.initial_state", state);
      double[] with = run(learned);
      assertTrue(Math.abs(with[0] - without[0]) > 1e-6, with[0] + " and " + without[0]);
    }
  }

  @Test
  void withoutNormThereIsNoWeightOfOne() {
    try (PointerScope scope = new PointerScope();
        StandaloneComponent mixer = create("norm = none, inner = 64")) {
      assertThat(mixer.parameters().all()).noneMatch(p -> p.name().contains("norm"));
      assertEquals(64, parameter(mixer, "out_proj.weight").spec().shape().get(1));
      assertEquals(8, parameter(mixer, "A_log").spec().shape().get(0));
    }
  }

  private static StandaloneComponent create(String options) {
    return new StandaloneComponent(
        Components.of(new Mamba2Factory()),
        Role.MIXER,
        ConfigFactory.parseString(SMALL + options),
        WIDTH,
        WIDTH,
        new Placement(Devices.cpu(), ScalarType.Double),
        1);
  }

  private static double[] run(StandaloneComponent mixer) {
    try (ForwardContext forward = ForwardContext.evaluation();
        Grad off = Grad.off()) {
      return Tensors.numbers(mixer.forward(new RandomInput().values(2, 11, WIDTH), forward));
    }
  }

  private static Parameter parameter(StandaloneComponent mixer, String name) {
    return mixer.parameters().all().stream()
        .filter(p -> p.name().equals("component." + name))
        .findAny()
        .orElseThrow();
  }
}
