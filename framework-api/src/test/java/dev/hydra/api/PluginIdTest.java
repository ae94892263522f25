package dev.hydra.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Optional;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PluginIdTest {
  private static final String SHA = "0123456789ab" + "c".repeat(52);
  private static final PluginId INSTALLED = PluginId.of("dev.hydra.ffn.dense", "1.2.0");
  private static final PluginId ADDED = INSTALLED.withHash(SHA);

  @ParameterizedTest
  @ValueSource(
      strings = {
        "dev.hydra.ffn.dense 1.2.0",
        "dev.hydra.ffn.dense 1.2.0+0123456789ab",
        "dev.hydra.composer unversioned",
        "some.module 1.0+build5",
        "some.module 1.0+build5+0123456789ab",
        "some.module 1.0 final"
      })
  void itsTextIsReadBack(String text) {
    assertEquals(text, PluginId.parse(text).toString());
    assertEquals(PluginId.parse(text), PluginId.parse(PluginId.parse(text).toString()));
  }

  @Test
  void theHashIsPartOfTheIdentity() {
    assertEquals(ADDED, PluginId.parse("dev.hydra.ffn.dense 1.2.0+0123456789ab"));
    assertEquals(Optional.of("0123456789ab"), ADDED.hash());
    assertEquals("1.2.0", ADDED.version());
    assertEquals("1.2.0+0123456789ab", ADDED.fullVersion());
    assertThat(ADDED).isNotEqualTo(INSTALLED);
    assertTrue(ADDED.hasContent(SHA));
    assertFalse(ADDED.hasContent("f".repeat(64)));
    assertFalse(INSTALLED.hasContent(SHA));
  }

  @Test
  void onlyAHashMakesItALaterJar() {
    assertTrue(ADDED.addedLater());
    assertFalse(INSTALLED.addedLater());
    assertFalse(PluginId.parse("some.module 1.0+build5").addedLater(), "a build of a module");
  }

  @Test
  void onePluginHasManyVersions() {
    assertTrue(ADDED.samePlugin(INSTALLED));
    assertTrue(INSTALLED.samePlugin(PluginId.of("dev.hydra.ffn.dense", "3.0")));
    assertFalse(INSTALLED.samePlugin(PluginId.of("dev.hydra.ffn.dense2", "1.2.0")));
  }

  @Test
  void theOrderIsThatOfTheTexts() {
    PluginId other = PluginId.of("dev.hydra.ffn", "9");
    assertEquals(
        List.of(other, INSTALLED, ADDED),
        List.copyOf(new TreeSet<>(List.of(ADDED, INSTALLED, other))));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", " ", "name", "name ", " 1.0", "name +0123456789ab", "null"})
  void whatIsNoneIsRefused(String text) {
    IllegalArgumentException thrown =
        assertThrows(IllegalArgumentException.class, () -> PluginId.parse(text));
    assertEquals(
        "\""
            + text
            + "\" does not identify a plugin; expected \"name version\" or \"name version+\" and"
            + " 12 hexadecimal digits",
        thrown.getMessage());
  }

  @Test
  void namesVersionsAndHashesAreChecked() {
    assertThrows(IllegalArgumentException.class, () -> PluginId.of("", "1"));
    assertThrows(IllegalArgumentException.class, () -> PluginId.of("a b", "1"));
    assertThrows(IllegalArgumentException.class, () -> PluginId.of("a", ""));
    assertThrows(IllegalArgumentException.class, () -> INSTALLED.withHash("0123"));
    assertThrows(IllegalArgumentException.class, () -> INSTALLED.withHash("x".repeat(64)));
  }
}
