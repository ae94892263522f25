package dev.hydra.composer.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;

import com.typesafe.config.Config;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A run writes its configuration at each start, and reads it at the next. */
class RenderedCommentsTest {
  @TempDir private Path folder;

  private Config read(String text) throws IOException {
    return ConfigFiles.load(Files.writeString(folder.resolve("main.conf"), text), List.of());
  }

  @Test
  void theTextStaysAsItIs() throws IOException {
    String rendered =
        ConfigFiles.render(
            read(
                """
                # of a field
                #without a space
                model {
                  //   indented
                  width = 8 # behind a value
                  paths = [
                    # of an element
                    #without a space
                    #
                    #   indented
                    {
                      # of a field in an element
                      mixer { type = full }
                      # of a list in an element
                      layers = [
                        1 # behind a number
                        # of a list in a list
                        [ # of an object in it
                          { a = 1.50e2 } ]
                      ]
                    } # behind an element
                    # before a text
                    "text"
                  ]
                }
                """));
    assertThat(rendered)
        .contains("# of an element\n", "#   indented\n", "# of an object in it\n")
        .contains("# behind a number\n", "# before a text\n", "# of a field in an element\n")
        .doesNotContain("#  of", "#  b");
    String again = rendered;
    for (int i = 0; i < 3; i++) {
      again = ConfigFiles.render(read(again));
      assertEquals(rendered, again);
    }
  }

  @Test
  void valuesAndPlacesStay() throws IOException {
    Config config = read("a = [\n  # first\n  { b = [1, null, [], {}] }\n]\n");
    Config again = read(ConfigFiles.render(config));
    assertEquals(config, again);
    assertThat(RenderedComments.of(config.root()).get("a").origin())
        .isEqualTo(config.getValue("a").origin());
  }
}
