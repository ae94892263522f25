package dev.hydra.mixer.mamba;

import static org.assertj.core.api.Assertions.assertThat;
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
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class Mamba2FactoryTest {
  private static final int WIDTH = 64;

  private static StandaloneComponent create(String options) {
    return Learned.mixer(new Mamba2Factory(), options, WIDTH);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "head-dim = 48                                | head-dim    | 128",
        "head-dim = 32, groups = 3                    | groups      | heads (4)",
        "norm-groups = 5                              | norm-groups | 128",
        "norm = none, norm-groups = 2                 | norm-groups | no effect with norm = none",
        "dt-min = 0.2                                 | dt-min      | dt-max (0.1)",
        "dt-limit-low = 0.5, dt-limit-high = 0.1      | dt-limit-high | dt-limit-low (0.5)",
        "dt-limit-high = 0                            | dt-limit-high | above 0",
        "conv-kernel = 1                              | conv-kernel | at least 2",
        "inner = 96                                   | head-dim    | inner channels (96)",
        "inner = 0                                    | inner       | at least 1",
        "norm = gate                                  | norm        | after-gate",
        "multipliers = [1, 2, 3, 4]                   | multipliers | five numbers",
        "multipliers = 2                              | multipliers | numbers",
        "initial-state = random                       | initial-state | learned",
      })
  void refusesOptionsThatDoNotFit(String options, String blamed, String remedy) {
    ConfigException refused = assertThrows(ConfigException.class, () -> create(options));
    String message = String.valueOf(refused.getMessage());
    assertThat(message).contains(blamed + ":");
    assertThat(message).contains(remedy);
  }

  /** Names and shapes of the published weights: transformers' Mamba2Mixer of the same sizes. */
  @Test
  void parametersAreLaidOutAsPublished() {
    try (PointerScope scope = new PointerScope();
        StandaloneComponent mixer = create("state = 32, head-dim = 16")) {
      assertEquals(
          Map.of(
              "component.in_proj.weight", List.of(328L, 64L),
              "component.conv1d.weight", List.of(192L, 1L, 4L),
              "component.conv1d.bias", List.of(192L),
              "component.dt_bias", List.of(8L),
              "component.A_log", List.of(8L),
              "component.D", List.of(8L),
              "component.norm.weight", List.of(128L),
              "component.out_proj.weight", List.of(64L, 128L)),
          mixer.parameters().all().stream()
              .collect(Collectors.toMap(Parameter::name, p -> p.spec().shape())));
    }
  }

  @Test
  void startsFromTheDynamicsOfThePaper() {
    try (PointerScope scope = new PointerScope();
        StandaloneComponent mixer = create("head-dim = 1, dt-min = 1e-5, dt-max = 0.01")) {
      for (double rate : Tensors.numbers(Learned.master(mixer, "A_log").exp())) {
        assertTrue(rate >= 1 && rate <= 16.001, "decay rate " + rate);
      }
      double[] steps = Tensors.numbers(torch.softplus(Learned.master(mixer, "dt_bias")));
      double smallest = 1;
      double largest = 0;
      for (double step : steps) {
        smallest = Math.min(smallest, step);
        largest = Math.max(largest, step);
      }
      assertEquals(1e-4, smallest, 1e-7, "steps have a floor");
      assertTrue(largest > 2e-3 && largest < 0.01, "largest of 128 steps: " + largest);
      for (String name : List.of("A_log", "dt_bias", "D", "norm.weight")) {
        Parameter parameter = Learned.parameter(mixer, name);
        assertTrue(parameter.spec().fp32() && !parameter.spec().decay(), name);
      }
      assertFalse(Learned.parameter(mixer, "in_proj.weight").spec().fp32());
    }
  }

  @Test
  void costCountsStatesBetweenChunksWhereHeadsAreFew() {
    try (StandaloneComponent few = create("state = 32, head-dim = 16");
        StandaloneComponent many = create("state = 32, head-dim = 1")) {
      // Input, what it is projected to, convolved channels, y, and 4 float32 numbers a head.
      double ofFew = 1000 * (64 + 328 + 192 + 128 + 8 * 8) + 8 * 128 * 32;
      double ofMany = 1000 * (64 + 448 + 192 + 128 + 8 * 128);
      assertEquals(ofFew, few.cost(Workload.sequence(1000)).activations());
      assertEquals(ofMany, many.cost(Workload.sequence(1000)).activations());
    }
  }

  @Test
  void costIsLinearInTimeAndStateConstant() {
    try (StandaloneComponent mixer = create("state = 32, head-dim = 16")) {
      Cost decoding = mixer.cost(new Workload(1, 10_000));
      // 128 channels of 32 elements, and 3 inputs of 192 convolved channels
      assertEquals(128 * 32 + 192 * 3, decoding.state());
      Cost one = mixer.cost(Workload.sequence(1 << 14));
      Cost two = mixer.cost(Workload.sequence(1 << 15));
      assertEquals(decoding.state(), two.state());
      assertEquals(2, two.flops() / one.flops(), 0.01);
      double projections = 2.0 * (1 << 14) * (64 * 328 + 128 * 64);
      assertTrue(one.flops() > projections && one.flops() < 4 * projections);
      assertTrue(decoding.flops() < one.flops() / (1 << 14));
    }
  }
}
