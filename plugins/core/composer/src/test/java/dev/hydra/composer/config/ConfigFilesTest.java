package dev.hydra.composer.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigRenderOptions;
import dev.hydra.composer.model.Texts;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
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
  void saysThatABraceIsNotClosed() {
    assertThat(refusal("model { width = 3\n"))
        .endsWith("main.conf: 2: the file ends before a { or ( is closed");
  }

  @Test
  void refusesIncludesOfMissingFiles() {
    String refusal = refusal("a = 1\ninclude \"parts/modl.conf\"");
    assertEquals(
        "include \"parts/modl.conf\" cannot be read from beside the file that includes it: it is not"
            + " there",
        refusal);
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
  void refusesACycleOfIncludesByNamingIt() throws IOException {
    Path a = file("parts/a.conf", "include \"b\"");
    Path b = file("parts/b.conf", "include file(\"" + a + "\")");
    assertEquals(
        a + " includes itself: " + a + " -> " + b + " -> " + a,
        refusal("include \"parts/a.conf\""));
    file("parts/twice.conf", "x = 1"); // the same file twice, one after the other, is no cycle
    assertEquals(1, load("include \"parts/twice.conf\"\ninclude \"parts/twice.conf\"").getInt("x"));
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
      assertEquals("--set " + override + ": must be KEY=VALUE", refusal("a = 1", override));
    }
  }

  /** HOCON would cut them off at a comment, or refuse the signs in them. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "/a//b",
        "C# is",
        "",
        "https://host/a?b=c&d",
        "]",
        "[x",
        "{a",
        "a, b",
        "say \"no\" // now",
        " kept ",
        "C:\\d",
        "1 # one",
        "[/a//b]",
        "${",
        "*",
        "x:y",
        "\"",
        "+1",
        "include \"x\""
      })
  void valuesThatAreNotHoconAreTexts(String value) throws IOException {
    assertEquals(value, load("a = 1", "a=" + value).getValue("a").unwrapped());
  }

  @Test
  void valuesThatAreHoconHaveTheirTypes() throws IOException {
    assertEquals(5, load("a = 1", "a = 5").getValue("a").unwrapped());
    assertEquals(1.5e-3, load("a = 1", "a=1.5e-3").getValue("a").unwrapped());
    assertEquals(true, load("a = 1", "a=true").getValue("a").unwrapped());
    assertEquals(List.of(1, "b"), load("a = 1", "a=[1, b]").getValue("a").unwrapped());
    assertEquals("b # c", load("a = 1", "a=\"b # c\"").getString("a"));
    assertEquals(2, load("a { b = 1, c = 2 }", "a={b=3}").getInt("a.c"));
    assertEquals("null", load("a = 1", "a=null").root().get("a").render());
    assertEquals("--set a=5", load("a = 1", "a=5").getValue("a").origin().description());
    for (String value : List.of("[1, {c = 2}]", "{b = [2]}", "\"x\"")) {
      Config config = load("a = 1", "z=" + value);
      assertEquals("--set z=" + value, config.getValue("z").origin().description());
    }
    assertEquals(
        "--set z={b = {c = 2}}",
        load("a = 1", "z={b = {c = 2}}").getValue("z.b.c").origin().description());
    assertThat(refusal("a = 1", "z=${none}")).startsWith("--set z=${none}: Could not resolve");
  }

  @Test
  void textsOnTheCommandLineSubstitute() throws IOException {
    Config config = load("root = /r, n = 5", "a=${root}//x #1", "b=${n}");
    assertEquals("/r//x #1", config.getString("a"));
    assertEquals(5, config.getValue("b").unwrapped());
  }

  private static final String PATHS =
      "vars.w = 3, block.paths = [ { mixer { type = mamba2 } }, { ffn { type = moe, e = ${vars.w} }"
          + " }, { ffn = dense } ]\n"
          + "copy = ${block}\n";

  @Test
  void setsElementsOfLists() throws IOException {
    Config config = load(PATHS, "block.paths[1].gate=none", "block.paths[dense].gate=${vars.w}");
    assertEquals("none", config.getConfigList("block.paths").get(1).getString("gate"));
    assertEquals(3, config.getConfigList("block.paths").get(1).getInt("ffn.e"));
    assertEquals(3, config.getConfigList("block.paths").get(2).getInt("gate"));
    assertEquals("none", config.getConfigList("copy.paths").get(1).getString("gate"));
  }

  @Test
  void setsElementsOfListsThatAreSubstituted() throws IOException {
    Config config = load(PATHS, "copy.paths[moe].ffn.e=7", "copy.paths[mixer].gate=${vars.w}");
    assertEquals(7, config.getConfigList("copy.paths").get(1).getInt("ffn.e"));
    assertEquals(3, config.getConfigList("copy.paths").get(0).getInt("gate"));
    assertEquals(3, config.getConfigList("block.paths").get(1).getInt("ffn.e"));
  }

  @Test
  void setsWhatASubstitutionBringsToAnElement() throws IOException {
    String text = "m { type = moe, e = 1 }, paths = [ { ffn = ${m} }, ${n} ], n.mixer.type = attn";
    Config config = load(text, "paths[0].ffn.e=2", "paths[attn].gate=none");
    assertEquals("moe", config.getConfigList("paths").get(0).getString("ffn.type"));
    assertEquals(2, config.getConfigList("paths").get(0).getInt("ffn.e"));
    assertEquals("none", config.getConfigList("paths").get(1).getString("gate"));
  }

  @Test
  void leavesElementsOut() throws IOException {
    Config config = load(PATHS, "block.paths[moe]=off");
    assertEquals(2, config.getConfigList("block.paths").size());
    assertEquals("dense", config.getConfigList("block.paths").get(1).getString("ffn"));
  }

  @Test
  void namesElementsThatAreNotThere() {
    String there = "; there are [0] mamba2, [1] moe, [2]";
    String override = "block.paths[mo].gate=1";
    assertThat(refusal(PATHS, override))
        .startsWith("--set " + override + ": there is no element mo" + there);
    for (String chosen : List.of("3", "-1", "+1", "1.5", "", " ")) {
      assertThat(refusal(PATHS, "block.paths[" + chosen + "].gate=1"))
          .startsWith(
              "--set block.paths["
                  + chosen
                  + "].gate=1: ["
                  + chosen
                  + "] is not an element: it must be a whole number from 0 to 2, or a name"
                  + there);
    }
    assertThat(refusal("a = []", "a[0]=1")).endsWith("must be a name; there are none");
    assertTrue(refusal(PATHS, "block[0]=1").contains("no list"));
    assertTrue(refusal(PATHS, "block.paths[0=1").contains("] is missing"));
  }

  @Test
  void anOverrideThatTakesAListForAnObjectIsToBlame() throws IOException {
    String bracket = "there is a list, whose elements are named in brackets: ";
    assertThat(refusal(PATHS, "block.paths.0.gate=1"))
        .isEqualTo("--set block.paths.0.gate=1: before 0 " + bracket + "[0]");
    assertThat(refusal(PATHS, "block.paths.moe.gate=1"))
        .endsWith("before moe " + bracket + "[moe]");
    String stack = "stack = [ { paths = [ { ffn = moe } ] } ]";
    assertThat(refusal(stack, "stack[0].paths.0.ffn=x")).endsWith("before 0 " + bracket + "[0]");
    String number = "trainer.steps.x=1"; // an object where the file has a number
    assertEquals(
        "--set " + number,
        load("trainer.steps = 2", number).getValue("trainer.steps").origin().description());
    assertEquals(1, load("a = ${b}, b = { c = 2 }", "a.c=1").getInt("a.c"));
  }

  @Test
  void namesTheWholeKeyOfAnElementDeeperDown() {
    assertThat(refusal(PATHS, "paths[moe].x=1"))
        .isEqualTo(
            "--set paths[moe].x=1: there is no list to take [moe] of; did you mean"
                + " block.paths[moe].x or copy.paths[moe].x?");
    String stack = "model.stack = [ { block.paths = [ a ] }, { block.paths = [ { ffn = moe } ] } ]";
    assertThat(refusal(stack, "model.paths[moe].ffn=x"))
        .endsWith("did you mean model.stack[1].block.paths[moe].ffn?");
    assertThat(refusal(PATHS, "paths[none].x=1")).endsWith("take [none] of");
    assertThat(refusal(PATHS, "block.paths[0].paths[moe].x=1")).endsWith("take [moe] of");
  }

  @Test
  void namesTheLineOfUnknownSubstitutionsAndOfMistakes() {
    String unknown = refusal("a = 1\nb = ${vars.none}");
    assertTrue(unknown.contains("main.conf: 2") && unknown.contains("vars.none"), unknown);
    String mistake = refusal("a {\n  b = 1\n  c = ]\n}");
    assertTrue(mistake.contains("main.conf: 3"), mistake);
  }

  @Test
  void substitutesFromTheEnvironment() throws IOException {
    Map<String, String> variables = Map.of("STEPS", "12", "ROOT", "/r", "a", "hidden", "ID", "007");
    Path main = file("main.conf", "a = 1, b = ${a}, c = ${?NONE}");
    Config config =
        ConfigFiles.load(
            main, List.of("steps=${?STEPS}", "d=${ROOT}//x-${STEPS}", "e=${ID}"), variables::get);
    assertEquals(12, config.getValue("steps").unwrapped());
    assertEquals("/r//x-12", config.getString("d"));
    assertEquals("007", config.getValue("e").unwrapped());
    assertEquals(1, config.getInt("b"));
    assertTrue(!config.hasPath("c"));
    assertTrue(refusal("a = ${NOT_EXPORTED_ANYWHERE}").contains("NOT_EXPORTED_ANYWHERE"));
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

  @Test
  void overriddenObjectsKeepTheirLines() throws IOException {
    String file =
        """
        base { w = 1 }
        plain { w = 2 }
        copy = ${base}
        copied = ${base} { v = 1 }
        list = [ { w = 3 } ]
        twice = ${base}
        twice { v = 2 }
        """;
    Config plain = load(file);
    Config config =
        load(file, "plain.w=5", "copy.w=5", "copied={w=5}", "list[0].w=5", "twice.v=5", "new.w=5");
    for (String key : List.of("base", "plain", "copy", "copied", "list", "twice")) {
      assertEquals(line(plain, key), line(config, key), key);
    }
    assertEquals(2, line(config, "plain"));
    assertEquals(3, line(config, "copy"));
    assertEquals(4, line(config, "copied"));
    assertEquals(-1, line(config, "new"));
    assertEquals(
        "{\"v\":5,\"w\":1}", config.getValue("twice").render(ConfigRenderOptions.concise()));
  }

  private static int line(Config config, String key) {
    return config.getValue(key).origin().lineNumber();
  }
}
