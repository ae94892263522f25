package dev.hydra.composer.spec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.hydra.composer.model.Texts;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class GateSpecTest {
  private static GateSpec read(String text) {
    return GateSpec.read(Texts.value(text), "part.gate");
  }

  @Test
  void readsAllKinds() {
    assertEquals(new GateSpec.None(), read("none"));
    assertEquals(new GateSpec.Learned(0), read("learned"));
    assertEquals(new GateSpec.Scalar(0.15), read("0.15"));
    assertEquals(new GateSpec.Scalar(1), read("1"));
    assertEquals(new GateSpec.Scalar(0), read("0"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"open", "\"0.5\"", "true", "[1]", "{ type = learned }", "1e999"})
  void refusesEverythingElse(String text) {
    String refusal = Texts.refusal(() -> read(text));
    assertThat(refusal).startsWith("test.conf: 1: part.gate: must be a number ");
  }
}
