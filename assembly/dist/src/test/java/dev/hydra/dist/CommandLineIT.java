package dev.hydra.dist;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The shipped command line and plugins are found without being told where they are. */
class CommandLineIT {
  @Test
  void listsThePluginsThatAreShipped(@TempDir Path folder) throws Exception {
    Hydra.Result result = new Hydra(Hydra.HOME.resolve("bin/hydra"), folder).run("plugins", "list");
    assertEquals(0, result.exitCode());
    assertEquals(List.of(), result.err());
    for (String type : List.of("mamba2", "sparse-global", "swiglu", "moe", "topk", "pkm")) {
      assertTrue(
          result.out().stream().anyMatch(line -> line.contains(" " + type + " ")),
          type + " in " + result.out());
    }
  }

  @Test
  void refusesAnUnknownCommandWithCodeTwo(@TempDir Path folder) throws Exception {
    Hydra.Result result = new Hydra(Hydra.HOME.resolve("bin/hydra"), folder).run("trian");
    assertEquals(2, result.exitCode());
  }
}
