package dev.hydra.optim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigParseOptions;
import dev.hydra.api.ConfigException;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@ExtendWith(InScope.class)
class ParameterGroupsTest {
  private static final String GROUPS =
      """
      weight-decay = 0.1
      groups = [
        { match = ["embedding.*", "head.*"], learning-rate-factor = 0.25, weight-decay = 0 }
        { match = "*.A_log", weight-decay = 0.5, beta1 = 0.5, beta2 = 0.75, eps = 1e-3 }
        { match = "blocks.?.mixer.*", beta2 = 0.99 }
      ]
      """;

  /** Name, whether it is decayed by itself, and how the groups above treat it. */
  private record Case(String name, boolean decay, AdamW.Constants constants, double factor) {}

  private static final List<Case> CASES =
      List.of(
          new Case("embedding.weight", true, new AdamW.Constants(0.9, 0.95, 1e-8, 0), 0.25),
          new Case("blocks.0.mixer.A_log", false, new AdamW.Constants(0.5, 0.75, 1e-3, 0.5), 1),
          new Case("blocks.0.mixer.weight", true, new AdamW.Constants(0.9, 0.99, 1e-8, 0.1), 1),
          new Case("blocks.10.mixer.weight", true, new AdamW.Constants(0.9, 0.95, 1e-8, 0.1), 1),
          new Case("norm.weight", false, new AdamW.Constants(0.9, 0.95, 1e-8, 0), 1));

  @Test
  void everyParameterFollowsItsGroupOverTwentySteps() {
    List<OptimizedParameter> parameters = new ArrayList<>();
    List<ReferenceAdamW> references = new ArrayList<>();
    Random random = new Random(1);
    for (Case each : CASES) {
      Tensor value = Tensor.create(random.doubles(6, -1, 1).toArray(), 2, 3);
      parameters.add(
          new OptimizedParameter(each.name(), value, torch.zeros_like(value), each.decay()));
      references.add(new ReferenceAdamW(each.constants(), true, Tensors.numbers(value)));
    }
    try (Optimizer optimizer = read(GROUPS).optimizer(parameters, Map.of())) {
      for (int step = 0; step < 20; step++) {
        for (int i = 0; i < CASES.size(); i++) {
          double[] gradient = random.doubles(6, -1, 1).toArray();
          parameters.get(i).gradient().copy_(Tensor.create(gradient, 2, 3));
          references.get(i).step(gradient, CASES.get(i).factor() / 64);
        }
        optimizer.step(1 / 64.0);
      }
    }
    for (int i = 0; i < CASES.size(); i++) {
      assertArrayEquals(
          references.get(i).value(),
          Tensors.numbers(parameters.get(i).master()),
          1e-12,
          CASES.get(i).name());
    }
  }

  @Test
  void groupsWithoutParametersAreNamed() {
    assertThat(read(GROUPS).unusedGroups(List.of("head.weight", "blocks.0.mixer.A_log")))
        .containsExactly(
            "optimizer.groups[2] has no parameter: [blocks.?.mixer.*] matches none that no group"
                + " before it has");
    assertThat(read("").unusedGroups(List.of("a"))).isEmpty();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "groups = 3 | groups: must be a list of objects { match = ..., ... }",
        "groups = [3] | groups: must be a list of objects { match = ..., ... }",
        "groups = [{ match = a, bta1 = 3 }] | groups[0].bta1: unknown key \"bta1\"; did you mean"
            + " \"beta1\"? Known: beta1, beta2, eps, learning-rate-factor, match, moments,"
            + " moments-seed, weight-decay",
        "groups = [{ match = a }, { beta1 = 0 }] | groups[1].match: is required: list of texts (at"
            + " least one pattern), patterns of the names of parameters: * for any characters, ?"
            + " for one",
        "groups = [{ match = a, beta1 = 3 }] | groups[0].beta1: must be at least 0 and less than 1,"
            + " but is 3",
      })
  void mistakesNameTheirPlace(String text, String problem) {
    ConfigException refused = assertThrows(ConfigException.class, () -> read(text));
    assertEquals("test.conf: 1: optimizer." + problem, refused.getMessage());
  }

  private static OptimizerSettings read(String text) {
    return OptimizerSettings.read(
        ConfigFactory.parseString(
            text, ConfigParseOptions.defaults().setOriginDescription("test.conf")),
        Plugins.ALL);
  }
}
