package dev.hydra.trainer.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.hydra.api.ConfigException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TrainerSettingsTest {
  @Test
  void readsNestedNames() {
    TrainerSettings settings =
        Trials.experiment("trainer { steps = 7, checkpoint { every = 3, keep = 1 } }").trainer();
    assertEquals(7, settings.steps());
    assertEquals(3, settings.checkpointEvery());
    assertEquals(1, settings.checkpointKeep());
    assertEquals(4 * 32, settings.tokensPerStep(32));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "trainer.step = 3 | trainer.step: unknown key \"step\"; did you mean \"steps\"?",
        "trainer.steps = 0 | trainer.steps: must be at least 1, but is 0",
        "trainer.steps = many | trainer.steps: must be a whole number",
        "trainer.checkpoint.evry = 3 | trainer.checkpoint.evry: unknown key",
        "trainer.checkpoint = 3 | must be an object",
        "trainer.precision = fp8 | unknown value \"fp8\"",
        "trainr.steps = 3 | unknown part \"trainr\"; did you mean \"trainer\"?",
        "model.vocab-size = 100 | the tokenizer has 256",
      })
  void mistakesAreNamed(String overrides, String expected) {
    ConfigException thrown =
        assertThrows(ConfigException.class, () -> Trials.experiment(overrides));
    assertThat(thrown.getMessage()).contains(expected);
  }
}
