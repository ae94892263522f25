package dev.hydra.composer.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.typesafe.config.Config;
import dev.hydra.composer.model.Texts;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ConfigFilesTest {
  @TempDir private Path folder;

  private Path file(String name, String text) throws IOException {
    Path file = folder.resolve(name);
    Files.createDirectories(file.getParent());
    return Files.writeString(file, text);
  }

  private Config load(String text, String... overrides) throws IOException {
    return ConfigFiles.load(file("main.conf", text), List.of(overrides));
  }

  private String refusal(String text, String... overrides) {
    return Texts.refusal(() -> load(text, overrides));
  }

  @Test
  void includesRelativeToTheFile() throws IOException {
    file("parts/model.conf", "include \"sizes.conf\"\nmodel.depth = 4");
    file("parts/sizes.conf", "model.width = 8");
    Config config = load("include \"parts/model.conf\"\nmodel.depth = 5");
    assertEquals(8, config.getInt("model.width"));
    assertEquals(5, config.getInt("model.depth"));
  }

  @Test
  void refusesIncludesOfMissingFiles() {
    String refusal = refusal("a = 1\ninclude \"parts/modl.conf\"");
    assertTrue(refusal.startsWith("include \"parts/modl.conf\" cannot be read from"), refusal);
    refusal = refusal("include file(\"" + folder.resolve("none.conf") + "\")");
    assertTrue(refusal.contains("none.conf\" cannot be read"), refusal);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "url(\"file:///etc/hostname\")",
        "classpath(\"a.conf\")",
        "\"http://127.0.0.1/a.conf\""
      })
  void refusesIncludesThatAreNoFiles(String what) {
    String refusal = refusal("include " + what);
    assertTrue(refusal.contains("only files can be included"), refusal);
  }

  @Test
  void includesAnAbsoluteFile() throws IOException {
    Path part = file("elsewhere/part.conf", "a = 7");
    assertEquals(7, load("include file(\"" + part + "\")").getInt("a"));
  }

  @Test
  void includesBesideAFileNamedWithoutItsFolder() throws IOException {
    Path bare = Path.of("");
    Path part = Files.createTempFile(bare, "part", ".conf");
    Path main = Files.createTempFile(bare, "main", ".conf");
    try {
      Files.writeString(part, "a = 7");
      Files.writeString(main, "include \"" + part.getFileName() + '"');
      assertEquals(7, ConfigFiles.load(main.getFileName(), List.of()).getInt("a"));
    } finally {
      Files.delete(main);
      Files.delete(part);
    }
  }

  @Test
  void namesTheIncludedFileOfAMistake() throws IOException {
    file("part.conf", "\n\nmodel { width = 8 ]");
    String refusal = refusal("include \"part.conf\"");
    assertTrue(refusal.contains("part.conf: 3"), refusal);
  }

  @Test
  void substitutes() throws IOException {
    Config config = load("vars.w = 8, model { width = ${vars.w}, state = ${?vars.none} }");
    assertEquals(8, config.getInt("model.width"));
    assertTrue(!config.hasPath("model.state"));
  }

  @Test
  void overridesBeforeSubstitutionTheLastOneStrongest() throws IOException {
    Config config =
        load("vars.w = 8, model.width = ${vars.w}, a = 1", "vars.w=16", "a=2", "a=3", "b.c=new");
    assertEquals(16, config.getInt("model.width"));
    assertEquals(3, config.getInt("a"));
    assertEquals("new", config.getString("b.c"));
  }

  @Test
  void refusesOverridesThatAreNone() {
    for (String override : List.of("steps", "=5", "")) {
      assertEquals(
          "--set " + override + ": must be key=value, such as trainer.steps=100",
          refusal("a = 1", override));
    }
    String refusal = refusal("a = 1", "a=]");
    assertTrue(refusal.startsWith("--set a=]: 1: "), refusal);
  }

  @Test
  void namesTheLineOfUnknownSubstitutionsAndOfMistakes() {
    String unknown = refusal("a = 1\nb = ${vars.none}");
    assertTrue(unknown.contains("main.conf: 2") && unknown.contains("vars.none"), unknown);
    String mistake = refusal("a {\n  b = 1\n  c = ]\n}");
    assertTrue(mistake.contains("main.conf: 3"), mistake);
  }

  @Test
  void doesNotReadTheEnvironment() {
    String refusal = refusal("a = ${PATH}");
    assertTrue(refusal.contains("PATH"), refusal);
  }

  @Test
  void namesTheMissingFile() {
    Path missing = folder.resolve("none.conf");
    assertEquals(
        "there is no configuration file " + missing.toAbsolutePath(),
        Texts.refusal(() -> ConfigFiles.load(missing, List.of())));
  }

  @Test
  void allowsNamedPartsAndVars() {
    Config config = Texts.config("model {}, vars {}\ntrainr {}");
    ConfigFiles.allow(Texts.config("model {}, vars {}"), List.of("model", "trainer"));
    assertEquals(
        "test.conf: 2: trainr: unknown part \"trainr\"; did you mean \"trainer\"?"
            + " Known: model, trainer; values of your own go under vars",
        Texts.refusal(() -> ConfigFiles.allow(config, List.of("model", "trainer"))));
  }

  @Test
  void takesPartsOut() {
    Config config = Texts.config("model { width = 8 }\ntrainer = 5");
    assertEquals(8, ConfigFiles.part(config, "model").getInt("width"));
    assertTrue(ConfigFiles.part(config, "data").isEmpty());
    assertEquals(
        "test.conf: 2: trainer: must be an object",
        Texts.refusal(() -> ConfigFiles.part(config, "trainer")));
  }

  @Test
  void rendersWhatItCanRead() throws IOException {
    Config config = load("model { width = 8, paths = [ { mixer { type = a } } ] }");
    assertEquals(config, load(ConfigFiles.render(config)));
  }
}
