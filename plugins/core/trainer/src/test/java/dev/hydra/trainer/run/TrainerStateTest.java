package dev.hydra.trainer.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.fasterxml.jackson.jr.ob.JSON;
import dev.hydra.api.PluginId;
import dev.hydra.composer.spec.SitePath;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TrainerStateTest {
  private static final PluginId MIXER = PluginId.of("some.mixer", "1.0").withHash("ab".repeat(32));
  private static final TrainerState STATE =
      new TrainerState(
          3,
          12,
          "Float",
          List.of(MIXER),
          Map.of(new SitePath("blocks.0.mixer"), MIXER),
          List.of("blocks.0.mixer.old"),
          Optional.of("5-0000abcd"),
          Map.of("wiki", "7-0000abcd"),
          Optional.of(0.25),
          "attention",
          new PathShares(Set.of(new SitePath("blocks.0.mixer")), 0.25));

  @Test
  void itsPluginsAreTextsInTheFile() throws IOException {
    Map<String, Object> written = JSON.std.mapFrom(JSON.std.asString(STATE.toMap()));
    assertEquals(List.of("some.mixer 1.0+abababababab"), written.get("plugins"));
    assertEquals(Map.of("blocks.0.mixer", "some.mixer 1.0+abababababab"), written.get("sites"));
    assertEquals(STATE, TrainerState.fromMap(written));
  }

  @Test
  void whatDoesNotIdentifyAPluginIsNamedWithItsFile(@TempDir Path folder) throws IOException {
    Path file = folder.resolve(Checkpoint.STATE);
    Files.writeString(
        file, JSON.std.asString(STATE.toMap()).replace("some.mixer 1.0", "some.mixer"));
    IOException thrown = assertThrows(IOException.class, () -> new Checkpoint(folder).sites());
    assertEquals(
        file
            + ": \"some.mixer+abababababab\" does not identify a plugin; expected \"name version\""
            + " or \"name version+\" and 12 hexadecimal digits",
        thrown.getMessage());
  }
}
