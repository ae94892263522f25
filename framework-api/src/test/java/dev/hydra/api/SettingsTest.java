package dev.hydra.api;

import static dev.hydra.api.SettingsReader.message;
import static dev.hydra.api.SettingsReader.read;
import static dev.hydra.api.SettingsReader.refusal;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import java.util.List;
import org.junit.jupiter.api.Test;

class SettingsTest {
  private static final Option<Integer> STATE =
      Option.integer("state", "state per head").atLeast(1).orElse(64);
  private static final Option<Integer> HEADS = Option.integer("heads", "number of heads");
  private static final Option<Integer> DOTTED = Option.integer("a.b", "a key with a dot").orElse(1);

  @Test
  void givesValuesByOption() {
    Settings settings = read("heads = 4", STATE, HEADS);
    assertEquals(64, settings.get(STATE));
    assertEquals(4, settings.get(HEADS));
    assertFalse(settings.isSet(STATE));
    assertTrue(settings.isSet(HEADS));
  }

  @Test
  void readsKeysWithDots() {
    assertEquals(7, read("\"a.b\" = 7", DOTTED).get(DOTTED));
  }

  @Test
  void refusesToGiveWhatItDidNotRead() {
    Settings settings = read("heads = 4", HEADS);
    assertEquals(
        "state is not an option of part",
        assertThrows(IllegalArgumentException.class, () -> settings.get(STATE)).getMessage());
  }

  @Test
  void namesFileLineAndPath() {
    assertEquals(
        "test.conf: 2: part.state: must be at least 1, but is 0",
        refusal("heads = 4\nstate = 0", STATE, HEADS));
  }

  @Test
  void saysWhatIsMissing() {
    assertEquals(
        "test.conf: 1: part.heads: is required: whole number, number of heads",
        refusal("state = 4", STATE, HEADS));
  }

  /** HOCON takes a key out with null, from the command line for instance. */
  @Test
  void saysThatNullLeavesOutWhatIsRequired() {
    assertEquals(
        "test.conf: 2: part.heads: is null, which leaves it out, but it is required: whole number,"
            + " number of heads; write a value in the place of null",
        refusal("heads = 4\nheads = null", STATE, HEADS));
    assertEquals(64, SettingsReader.read("heads = 4\nstate = null", STATE, HEADS).get(STATE));
  }

  @Test
  void knowsWhatIsWrongWhateverElseIsSaid() {
    for (String alone : List.of("heads = 4, sate = 1", "heads = 4, state = 0", "heads = null")) {
      assertThat(SettingsReader.thrown(alone, STATE, HEADS).alone()).as(alone).isTrue();
    }
    assertThat(SettingsReader.thrown("state = 4", STATE, HEADS).alone()).isFalse();
    assertThat(read("heads = 4", HEADS).invalid(HEADS, "must divide the width").alone()).isFalse();
  }

  @Test
  void namesTheNearestKey() {
    assertEquals(
        "test.conf: 2: part.sate: unknown key \"sate\"; did you mean \"state\"?"
            + " Known: heads, state",
        refusal("heads = 4\nsate = 3", STATE, HEADS));
  }

  @Test
  void leavesKeysOfOthersAloneButNamesThem() {
    Config config = ConfigFactory.parseString("heads = 4, type = mamba2");
    assertEquals(4, Settings.read("part", config, List.of(HEADS), "type").get(HEADS));
    ConfigException e =
        assertThrows(
            ConfigException.class,
            () ->
                Settings.read(
                    "part", ConfigFactory.parseString("tipe = 1"), List.of(STATE), "type"));
    assertThat(message(e)).endsWith("did you mean \"type\"? Known: state, type");
  }

  @Test
  void blamesTheLineOfAnOptionOrElseOfTheObject() {
    Settings set = read("\n\nheads = 3", HEADS, STATE);
    assertEquals(
        "test.conf: 3: part.heads: must divide the width; set heads = 4",
        set.invalid(HEADS, "must divide the width; set heads = 4").getMessage());
    assertEquals(
        "test.conf: 1: part.state: is too large", message(set.invalid(STATE, "is too large")));
  }

  @Test
  void doesWithoutAPathAtTheTop() {
    assertEquals("heads", Settings.read("", ConfigFactory.empty(), List.of(STATE)).at("heads"));
  }
}
