package dev.hydra.cli;

import static dev.hydra.cli.CommandLineRunner.run;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class PluginsListTest {
  @Test
  void namesEveryTypeWithItsRole() {
    String out = run("plugins", "list").done().out();
    assertThat(out)
        .containsPattern("(?m)^mixer +mamba2 +\\S+mixer.mamba ")
        .containsPattern("(?m)^ffn +swiglu +\\S+ffn.dense ");
    assertThat(out.lines()).noneMatch(line -> line.contains("default:"));
  }

  @Test
  void explainsOptions() {
    assertThat(run("plugins", "list", "--options").done().out())
        .containsPattern("(?m)^ +hidden +.+; .+; default: .+$");
  }

  @Test
  @SuppressWarnings("unchecked")
  void isAvailableToPrograms() throws IOException {
    Map<String, Object> json = JSON.std.mapFrom(run("plugins", "list", "--json").done().out());
    List<Map<String, Object>> types = (List<Map<String, Object>>) json.get("plugins");
    assertThat(types)
        .anySatisfy(
            type -> {
              assertThat(type).containsEntry("kind", "component").containsEntry("type", "swiglu");
              assertThat(type).containsKeys("plugin", "version");
              assertThat((List<Map<String, Object>>) type.get("options"))
                  .anySatisfy(
                      option ->
                          assertThat(option)
                              .containsEntry("name", "hidden")
                              .containsKeys("type", "default", "doc"));
            });
  }

  @Test
  void describesATypeAsATable() {
    assertThat(run("plugins", "describe", "swiglu").done().out().lines())
        .anyMatch(line -> line.startsWith("|") && line.contains("hidden"));
  }
}
