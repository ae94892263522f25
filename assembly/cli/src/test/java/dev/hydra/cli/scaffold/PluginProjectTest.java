package dev.hydra.cli.scaffold;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.hydra.api.Role;
import dev.hydra.cli.common.UsageException;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class PluginProjectTest {
  private static String refused(String name, String role, String type, String packageName) {
    UsageException refused =
        assertThrows(
            UsageException.class,
            () -> PluginProject.of(name, role, Optional.of(type), Optional.of(packageName)));
    return String.valueOf(refused.getMessage());
  }

  @Test
  void typeAndPackageFollowFromTheName() {
    PluginProject project =
        PluginProject.of("my-mixer2", "mixer", Optional.empty(), Optional.empty());
    assertEquals(
        new PluginProject("my-mixer2", Role.MIXER, "my-mixer2", "com.example.mymixer2"), project);
    assertEquals("MyMixer2", project.className());
    assertEquals("com.example", project.group());
    assertEquals("com/example/mymixer2", project.path());
  }

  @ParameterizedTest
  @CsvSource({"mixer, MIXER", "ffn, FEED_FORWARD", "memory, MEMORY", "router, ROUTER"})
  void rolesAreThoseOfConfigurations(String key, Role role) {
    assertEquals(role, PluginProject.of("a", key, Optional.empty(), Optional.empty()).role());
  }

  @Test
  void unknownRoleIsAnsweredWithTheNearest() {
    assertEquals(
        "unknown role \"mixr\"; did you mean \"mixer\"? Known: mixer, ffn, memory, router",
        refused("a", "mixr", "a", "com.example.a"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"", "A", "my_mixer", "my mixer", "2mixer", "-a", "a-", "a--b", "ä", "a/b"})
  void namesThatAreNotHyphenatedWordsAreRefused(String name) {
    String rule = "\"" + name + "\" cannot be used: it must be lower-case words";
    assertThat(refused(name, "mixer", "a", "com.example.a")).contains("the name " + rule);
    assertThat(refused("a", "mixer", name, "com.example.a")).contains("--type " + rule);
  }

  @ParameterizedTest
  @CsvSource({
    "mine, it needs a part for you",
    "com.example.switch, it is not a valid package of Java",
    "com..a, it is not a valid package of Java",
    "com.example., it is not a valid package of Java",
    "com.example.my-mixer, it is not a valid package of Java",
    "java.util, it belongs to somebody else",
    "dev.hydra.mixer.mine, it belongs to somebody else"
  })
  void packagesThatCannotBeUsedAreRefused(String packageName, String problem) {
    String message = refused("a", "mixer", "a", packageName);
    assertEquals(
        "the package \"%s\" cannot be used: %s".formatted(packageName, problem),
        message.substring(0, message.indexOf(problem) + problem.length()));
    assertThat(message).contains("set --package");
  }

  /** The package that follows from a name may be none of Java's. */
  @Test
  void keywordNeedsAnotherPackage() {
    UsageException refused =
        assertThrows(
            UsageException.class,
            () -> PluginProject.of("switch", "ffn", Optional.empty(), Optional.empty()));
    assertThat(refused.getMessage()).contains("com.example.switch");
  }
}
