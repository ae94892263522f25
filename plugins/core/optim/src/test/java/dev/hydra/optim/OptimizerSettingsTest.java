package dev.hydra.optim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigParseOptions;
import dev.hydra.api.ConfigException;
import dev.hydra.api.Registration;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class OptimizerSettingsTest {
  @Test
  void defaults() {
    LearningRate rates = read("").learningRate(101);
    assertEquals(1e-3, rates.at(0), 1e-18);
    assertEquals(0.55e-3, rates.at(50), 1e-18);
    assertEquals(1e-4, rates.at(100), 1e-18);
    assertEquals(1, clippedNorm(read("")), 1e-5);
    assertStep(read(""), new AdamW.Constants(0.9, 0.95, 1e-8, 0.1));
  }

  @Test
  void everyOptionCounts() {
    OptimizerSettings settings =
        read(
            """
            type = adamw, learning-rate = 3e-4, beta1 = 0.8, beta2 = 0.99, eps = 1e-2
            weight-decay = 0.5, warmup-steps = 7, schedule = linear, min-ratio = 0.2, clip = 3
            """);
    LearningRate rates = settings.learningRate(107);
    assertEquals(3e-4 / 7, rates.at(0), 1e-18);
    assertEquals(3e-4, rates.at(6), 1e-18);
    assertEquals(3e-4 * 0.6, rates.at(56), 1e-18);
    assertEquals(3e-4 * 0.2, rates.at(106), 1e-18);
    assertEquals(3, clippedNorm(settings), 1e-5);
    assertStep(settings, new AdamW.Constants(0.8, 0.99, 1e-2, 0.5));
  }

  @Test
  void noClippingLeavesTheNorm() {
    assertEquals(5, clippedNorm(read("clip = 0")), 1e-12);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "learning-rate = -1e-3 | learning-rate: must be greater than 0, but is -0.001",
        "learning-rate = 0 | learning-rate: must be greater than 0, but is 0",
        "beta1 = 1 | beta1: must be at least 0 and less than 1, but is 1",
        "beta2 = -0.5 | beta2: must be at least 0 and less than 1, but is -0.5",
        "eps = 0 | eps: must be greater than 0, but is 0",
        "weight-decay = -0.1 | weight-decay: must be at least 0.0, but is -0.1",
        "warmup-steps = -1 | warmup-steps: must be at least 0, but is -1",
        "warmup-steps = 1.5 | warmup-steps: must be a whole number, but is 1.5",
        "min-ratio = 1.5 | min-ratio: must be between 0.0 and 1.0, but is 1.5",
        "clip = -1 | clip: must be at least 0.0, but is -1",
        "learning-rate = fast | learning-rate: must be a number, but is \"fast\"",
      })
  void valuesOutOfRangeAreRefusedWithFileAndLine(String line, String problem) {
    ConfigException refused = assertThrows(ConfigException.class, () -> read("\n" + line));
    assertEquals("test.conf: 2: optimizer." + problem, refused.getMessage());
  }

  @Test
  void unknownNamesAreRefusedWithTheNearest() {
    ConfigException key = assertThrows(ConfigException.class, () -> read("\nlearning_rate = 1"));
    assertEquals(
        "test.conf: 2: optimizer.learning_rate: unknown key \"learning_rate\"; did you mean"
            + " \"learning-rate\"? Known: beta1, beta2, clip, eps, groups, learning-rate,"
            + " min-ratio, moments, moments-seed, schedule, type, warmup-fraction, warmup-steps, weight-decay",
        key.getMessage());
    ConfigException type = assertThrows(ConfigException.class, () -> read("type = adam"));
    assertEquals(
        "test.conf: 1: optimizer.type: unknown optimizer \"adam\"; did you mean \"adamw\"?"
            + " Known: adamw, greedy, lion, muon",
        type.getMessage());
  }

  @Test
  void aScheduleIsNamedAloneOrWithItsOptions() {
    assertEquals(0.25e-3, read("schedule = stepwise").learningRate(100).at(29), 1e-18);
    LearningRate often = read("schedule { type = stepwise, every = 5 }").learningRate(100);
    assertEquals(0.5e-3, often.at(5), 1e-18);
    assertEquals(
        List.of("adamw", "stepwise"),
        read("schedule = stepwise").plugins().stream().map(Registration::type).toList());
  }

  @Test
  void mistakesInAScheduleNameFileAndLine() {
    assertRefused(
        "test.conf: 2: optimizer.schedule.type: unknown schedule \"cosin\"; did you mean"
            + " \"cosine\"? Known: constant, cosine, inverse-sqrt, linear, stepwise, wsd",
        "\nschedule = cosin");
    assertRefused(
        "test.conf: 3: optimizer.schedule.evry: unknown key \"evry\"; did you mean \"every\"?"
            + " Known: every, type",
        "\nschedule { type = stepwise\nevry = 3 }");
    assertRefused(
        "test.conf: 2: optimizer.schedule: needs a type, one of: constant, cosine,"
            + " inverse-sqrt, linear, stepwise, wsd",
        "\nschedule { every = 3 }");
    assertRefused(
        "test.conf: 2: optimizer.schedule: must be a name or an object { type = ... }, but is true",
        "\nschedule = true");
    assertEquals(
        "test.conf: 1: optimizer.schedule.every: is longer than the training",
        assertThrows(
                ConfigException.class,
                () -> read("schedule { type = stepwise, every = 500 }").learningRate(100))
            .getMessage());
  }

  @Test
  void anOptimizerMayNotTakeTheNameOfAnOption() {
    assertRefused(
        "test.conf: 1: optimizer.type: optimizer greedy of dev.hydra.optim unversioned cannot"
            + " be used: its option clip has a name that is taken",
        "type = greedy");
  }

  private static void assertRefused(String problem, String text) {
    assertEquals(problem, assertThrows(ConfigException.class, () -> read(text)).getMessage());
  }

  @Test
  void aWarmUpLongerThanTheTrainingTakesAllOfItAndThatIsSaid() {
    OptimizerSettings settings = read("learning-rate = 1, warmup-steps = 200");
    LearningRate rates = settings.learningRate(100);
    assertEquals(0.01, rates.at(0), 1e-12);
    assertEquals(1, rates.at(99), 1e-12);
    assertThat(settings.shortenedWarmup(100).orElseThrow())
        .startsWith("optimizer.warmup-steps is 200, but the run has 100 steps:");
    assertThat(settings.shortenedWarmup(1).orElseThrow()).contains("the run has 1 step:");
    assertThat(settings.shortenedWarmup(200)).isEmpty();
  }

  @Test
  void aWarmUpMayBeAPartOfTheTraining() {
    OptimizerSettings settings = read("learning-rate = 1, warmup-fraction = 0.1");
    assertEquals(0.1, settings.learningRate(100).at(0), 1e-12);
    assertEquals(1, settings.learningRate(100).at(9), 1e-12);
    assertEquals(1, settings.learningRate(3).at(0), 1e-12);
    assertThat(settings.shortenedWarmup(1)).isEmpty();
    assertRefused(
        "test.conf: 2: optimizer.warmup-fraction: warmup-steps is set, too; leave one of them out"
            + " (in HOCON: = null)",
        "warmup-steps = 5\nwarmup-fraction = 0.1");
    assertRefused(
        "test.conf: 1: optimizer.warmup-fraction: must be between 0.0 and 1.0, but is 1.5",
        "warmup-fraction = 1.5");
  }

  private static double clippedNorm(OptimizerSettings settings) {
    Tensor gradient = Tensor.create(new double[] {3, 4}, 2);
    try (GradientClip clip = settings.clip(List.of(gradient))) {
      clip.clip();
    }
    return Tensors.number(gradient.norm());
  }

  private static void assertStep(OptimizerSettings settings, AdamW.Constants constants) {
    Tensor value = Tensor.create(new double[] {3, 4}, 2);
    ReferenceAdamW reference = new ReferenceAdamW(constants, true, Tensors.numbers(value));
    Tensor gradient = Tensor.create(new double[] {0.1, -0.2}, 2);
    try (Optimizer optimizer =
        settings.optimizer(List.of(new OptimizedParameter("a", value, gradient, true)), Map.of())) {
      optimizer.learningRate(0.5);
      for (int step = 1; step <= 2; step++) {
        gradient.mul_(gradient);
        optimizer.step();
        reference.step(Tensors.numbers(gradient), 0.5);
      }
    }
    assertArrayEquals(reference.value(), Tensors.numbers(value), 1e-12);
  }

  private static OptimizerSettings read(String text) {
    return OptimizerSettings.read(
        ConfigFactory.parseString(
            text, ConfigParseOptions.defaults().setOriginDescription("test.conf")),
        Plugins.ALL);
  }
}
