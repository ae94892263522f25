package dev.hydra.cli;

import static dev.hydra.cli.CommandLineRunner.run;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/**
 * What {@code config options} prints, and the page of it. {@code -Dhydra.pages=write} writes the
 * page.
 */
class ConfigOptionsTest {
  private static final Path PAGE = Path.of("../dist/docs/configuration.md");
  private static final String BEGIN = "<!-- options -->\n";

  @Test
  void thePageIsWhatIsPrinted() throws IOException {
    String printed = run("config", "options").done().out();
    String page = Files.readString(PAGE);
    int begin = page.indexOf(BEGIN) + BEGIN.length();
    assertThat(begin).as(PAGE + " has " + BEGIN).isGreaterThanOrEqualTo(BEGIN.length());
    if ("write".equals(System.getProperty("hydra.pages"))) {
      Files.writeString(PAGE, page.substring(0, begin) + printed);
      return;
    }
    assertEquals(
        printed,
        page.substring(begin),
        PAGE + " is out of date; run this test with -Dhydra.pages=write");
  }

  @Test
  void everyPartIsPrintedAlone() {
    for (String part :
        new String[] {
          "model", "data", "optimizer", "trainer", "generation", "plugins", "experiment"
        }) {
      assertThat(run("config", "options", part).done().out()).startsWith("## `" + part + "`\n\n");
    }
    assertThat(run("config", "options", "trainer").done().out())
        .contains(
            "| `steps` | whole number (at least 1) | required | optimizer steps in all |",
            "## `trainer.swap`",
            "| `guard-factor` | number (above 1) | 2.0 |")
        .doesNotContain("## `model`");
    assertThat(run("config", "options", "trainer.swap").done().out())
        .startsWith("## `trainer.swap`")
        .contains("`guard-steps`")
        .doesNotContain("`batch-size`");
  }

  @Test
  void anUnknownPartIsAnsweredWithTheNearest() {
    run("config", "options", "trainr").refused(2, "did you mean \"trainer\"?");
  }
}
