package dev.hydra.mixer.deltanet;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
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

class GatedDeltaNetFactoryTest {
  private static final int WIDTH = 24;

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "heads = 0                    | heads        | at least 1",
        "head-dim = -1                | head-dim     | at least 1",
        "value-dim = 0                | value-dim    | at least 1",
        "heads = 4, value-heads = 6   | value-heads  | must be a multiple of heads (4)",
        "heads = 4, value-heads = 2   | value-heads  | must be a multiple of heads (4)",
        "conv-kernel = 1              | conv-kernel  | at least 2",
        "chunk = 0                    | chunk        | at least 1",
        "norm-epsilon = 0             | norm-epsilon | above 0",
        "state = 8                    | state        | unknown key",
      })
  void refusesOptionsThatDoNotFit(String options, String blamed, String remedy) {
    ConfigException refused =
        assertThrows(ConfigException.class, () -> Mixers.create(options, WIDTH));
    String message = String.valueOf(refused.getMessage());
    assertThat(message).contains(blamed + ":");
    assertThat(message).contains(remedy);
  }

  /** Names and shapes of Qwen3NextGatedDeltaNet of the same sizes in transformers. */
  @Test
  void parametersAreLaidOutAsPublished() {
    try (PointerScope scope = new PointerScope();
        StandaloneComponent mixer =
            Mixers.create("heads = 2, head-dim = 5, value-heads = 4, value-dim = 3", WIDTH)) {
      assertEquals(
          Map.of(
              "component.in_proj_qkvz.weight", List.of(44L, 24L),
              "component.in_proj_ba.weight", List.of(8L, 24L),
              "component.conv1d.weight", List.of(32L, 1L, 4L),
              "component.dt_bias", List.of(4L),
              "component.A_log", List.of(4L),
              "component.norm.weight", List.of(3L),
              "component.out_proj.weight", List.of(24L, 12L)),
          mixer.parameters().all().stream()
              .collect(Collectors.toMap(Parameter::name, p -> p.spec().shape())));
      for (double rate : Tensors.numbers(Mixers.parameter(mixer, "A_log").exp())) {
        assertTrue(rate >= 1 && rate <= 16, "rate " + rate);
      }
      for (double step : Tensors.numbers(torch.softplus(Mixers.parameter(mixer, "dt_bias")))) {
        assertTrue(step > 0.00099 && step < 0.101, "step " + step);
      }
    }
  }

  @Test
  void sizesFollowFromTheWidth() {
    try (PointerScope scope = new PointerScope();
        StandaloneComponent wide = Mixers.create("head-dim = 8", WIDTH);
        StandaloneComponent narrow = Mixers.create("", WIDTH)) {
      assertEquals(3, Mixers.parameter(wide, "A_log").size(0));
      assertEquals(8, Mixers.parameter(wide, "norm.weight").size(0));
      assertEquals(1, Mixers.parameter(narrow, "A_log").size(0));
    }
  }

  @Test
  void costCountsEveryProduct() {
    try (StandaloneComponent mixer =
        Mixers.create(
            "heads = 2, head-dim = 5, value-heads = 4, value-dim = 3, chunk = 8", WIDTH)) {
      // 4 states of 5 x 3, and 3 inputs of 32 convolved channels
      double state = 4 * 5 * 3 + 3 * 32;
      // Per token: projections to 44, to 8 and from 12; around the rule a few a channel.
      double around = 2 * 24 * (44 + 8 + 12) + 12 * 32 + 10 * 10 + 10 * 12 + 10 * 4;
      // Per head and chunk of 8: K K^T and Q K^T; inverse; its product with, and that of the
      // scores, with 5 + 3 columns; those to the last state; reads; the step; masks.
      double chunk =
          4 * 64 * 5 + 512 / 3.0 + 4 * 64 * 8 + 2 * 8 * 5 * 8 + 2 * 8 * 5 * 3 + 2 * 25 * 3 + 6 * 64;
      Cost sequence = mixer.cost(Workload.sequence(32));
      assertEquals(32 * around + 4 * 4 * chunk, sequence.flops(), 1e-6);
      assertEquals(state, sequence.state());
      Cost decoding = mixer.cost(new Workload(1, 10_000));
      assertEquals(around + 7 * 60, decoding.flops(), 1e-6);
      assertEquals(state, decoding.state());
      double ratio =
          mixer.cost(Workload.sequence(1 << 15)).flops()
              / mixer.cost(Workload.sequence(1 << 14)).flops();
      assertEquals(2, ratio, 1e-9);
    }
  }

  @Test
  void costCountsStatesBetweenChunksOnlyWhereTheyAreKept() {
    try (StandaloneComponent odd =
            Mixers.create("head-dim = 17, heads = 1, value-dim = 16", WIDTH);
        StandaloneComponent even =
            Mixers.create("head-dim = 16, heads = 1, value-dim = 16", WIDTH)) {
      // Channels of the convolution 3 each, lengths, what the rule takes; norm and gate.
      double oddKept = 640 * (3 * (34 + 16) + 4 * 17 + 2 * 17 + 4 * 16 + 6);
      double evenKept = 640 * (3 * (32 + 16) + 4 * 16 + 2 * 16 + 4 * 16 + 6);
      double projections = 640 * 2 * WIDTH;
      assertEquals(
          projections + oddKept + 11 * 17 * 16, odd.cost(Workload.sequence(640)).activations());
      assertEquals(projections + evenKept, even.cost(Workload.sequence(640)).activations());
    }
  }
}
