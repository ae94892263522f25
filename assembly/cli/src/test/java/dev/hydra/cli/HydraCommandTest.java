package dev.hydra.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.hydra.api.PluginRegistry;
import dev.hydra.cli.plugins.FixedPlugins;
import java.io.StringWriter;
import java.util.List;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;

class HydraCommandTest {
  private static final Commands COMMANDS =
      new Commands(
          new FixedPlugins(
              PluginRegistry.load(HydraCommandTest.class.getClassLoader(), warning -> {})),
          NativeFiles.unchecked());

  private static CommandLine lineFor(String... arguments) {
    return Main.commandLine(COMMANDS, new StringWriter(), arguments);
  }

  @Test
  void theCommandThatIsNamedIsPreparedAloneAndIsTheSame() {
    CommandLine all = lineFor();
    assertThat(all.getSubcommands()).containsKeys("train", "generate", "help");
    for (String name :
        List.of("train", "generate", "serve", "tokenizer", "plugins", "experiment", "doctor")) {
      CommandLine alone = lineFor(name, "--help");
      assertThat(alone.getSubcommands()).as(name).containsOnlyKeys(name);
      assertThat(alone.getSubcommands().get(name).getUsageMessage())
          .isEqualTo(all.getSubcommands().get(name).getUsageMessage())
          .contains("--threads");
    }
  }

  @Test
  void whatIsNoCommandOrLooksAtOthersFindsAllOfThem() {
    int all = lineFor().getSubcommands().size();
    for (String name : List.of("help", "generate-completion", "generat", "--threads", "")) {
      assertThat(lineFor(name).getSubcommands()).as(name).hasSize(all);
    }
  }
}
