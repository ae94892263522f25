package dev.hydra.mixer.mamba;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.api.ConfigException;
import dev.hydra.api.Cost;
import dev.hydra.api.Workload;
import dev.hydra.composer.model.Parameter;
import dev.hydra.composer.model.StandaloneComponent;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class MambaFactoryTest {
  private static final int WIDTH = 40;

  private static StandaloneComponent create(String options) {
    return Learned.mixer(new MambaFactory(), options, WIDTH);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "state = 0         | state        | at least 1",
        "inner = 0         | inner        | at least 1",
        "dt-rank = 0       | dt-rank      | at least 1",
        "chunk = 0         | chunk        | at least 1",
        "dt-min = 0.2      | dt-min       | dt-max (0.1)",
        "conv-kernel = 1   | conv-kernel  | at least 2",
        "norm-epsilon = 0  | norm-epsilon | above 0",
        "head-dim = 8      | head-dim     | unknown key",
      })
  void refusesOptionsThatDoNotFit(String options, String blamed, String remedy) {
    ConfigException refused = assertThrows(ConfigException.class, () -> create(options));
    String message = String.valueOf(refused.getMessage());
    assertThat(message).contains(blamed + ":");
    assertThat(message).contains(remedy);
  }

  /** Names and shapes of the published weights: transformers' MambaMixer of the same sizes. */
  @Test
  void parametersAreLaidOutAsPublished() {
    assertEquals(
        Map.of(
            "component.in_proj.weight", List.of(160L, 40L),
            "component.conv1d.weight", List.of(80L, 1L, 4L),
            "component.conv1d.bias", List.of(80L),
            "component.x_proj.weight", List.of(35L, 80L),
            "component.dt_proj.weight", List.of(80L, 3L),
            "component.dt_proj.bias", List.of(80L),
            "component.A_log", List.of(80L, 16L),
            "component.D", List.of(80L),
            "component.out_proj.weight", List.of(40L, 80L)),
        shapes(""));
  }

  /** Names and shapes of what JambaMambaMixer has more, and of the sizes that can be set. */
  @Test
  void normsAndBiasesAreLaidOutAsPublished() {
    Map<String, List<Long>> shapes =
        shapes("bcdt-norm = true, bias = true, inner = 48, dt-rank = 5, state = 8");
    assertEquals(List.of(5L), shapes.get("component.dt_layernorm.weight"));
    assertEquals(List.of(8L), shapes.get("component.b_layernorm.weight"));
    assertEquals(List.of(8L), shapes.get("component.c_layernorm.weight"));
    assertEquals(List.of(96L), shapes.get("component.in_proj.bias"));
    assertEquals(List.of(40L), shapes.get("component.out_proj.bias"));
    assertEquals(List.of(21L, 48L), shapes.get("component.x_proj.weight"));
    assertEquals(14, shapes.size());
  }

  private static Map<String, List<Long>> shapes(String options) {
    try (PointerScope scope = new PointerScope();
        StandaloneComponent mixer = create(options)) {
      return mixer.parameters().all().stream()
          .collect(Collectors.toMap(Parameter::name, p -> p.spec().shape()));
    }
  }

  @Test
  void startsFromTheDynamicsOfThePaper() {
    try (PointerScope scope = new PointerScope();
        StandaloneComponent mixer = create("state = 3, dt-rank = 4, dt-min = 0.01")) {
      double[] rates = Tensors.numbers(Learned.master(mixer, "A_log").exp());
      for (int channel = 0; channel < 80; channel++) {
        assertArrayEquals(
            new double[] {1, 2, 3}, Arrays.copyOfRange(rates, 3 * channel, 3 * channel + 3), 1e-6);
      }
      double[] steps = Tensors.numbers(torch.softplus(Learned.master(mixer, "dt_proj.bias")));
      for (double step : steps) {
        assertTrue(step > 0.0099 && step < 0.101, "step " + step);
      }
      double largest = Tensors.number(Learned.master(mixer, "dt_proj.weight").abs().max());
      assertTrue(largest > 0.45 && largest <= 0.5, "uniform up to 1 / 2: " + largest);
      for (String name : List.of("A_log", "dt_proj.bias", "D")) {
        Parameter parameter = Learned.parameter(mixer, name);
        assertTrue(parameter.spec().fp32() && !parameter.spec().decay(), name);
      }
      assertFalse(Learned.parameter(mixer, "x_proj.weight").spec().fp32());
    }
  }

  @Test
  void costIsLinearInTimeAndStateConstant() {
    try (StandaloneComponent mixer = create("")) {
      Cost decoding = mixer.cost(new Workload(1, 10_000));
      // 80 channels of 16 elements, and 3 inputs of 80 convolved channels
      assertEquals(80 * 16 + 80 * 3, decoding.state());
      Cost one = mixer.cost(Workload.sequence(1 << 14));
      Cost two = mixer.cost(Workload.sequence(1 << 15));
      assertEquals(decoding.state(), two.state());
      assertEquals(2, two.flops() / one.flops(), 1e-9);
      double projections = 2.0 * (1 << 14) * (40 * 160 + 80 * 35 + 3 * 80 + 80 * 40);
      assertTrue(one.flops() > projections && one.flops() < 4 * projections);
      assertTrue(one.activations() < (1 << 14) * 80 * 16, "keeps no state of every token");
    }
  }
}
