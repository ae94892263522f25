package dev.hydra.cli;

import com.typesafe.config.Config;
import dev.hydra.cli.common.Installation;
import dev.hydra.cli.common.Json;
import dev.hydra.composer.config.ConfigFiles;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Lists the experiments of the installation. */
@Command(
    name = "list",
    description = "Lists the experiments that come with the installation.",
    mixinStandardHelpOptions = true)
@SuppressWarnings("NullAway.Init") // fields are set by picocli
final class ExperimentListCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Option(names = "--json", description = "One JSON object for each.")
  private boolean json;

  @Override
  public Integer call() throws IOException {
    PrintWriter out = spec.commandLine().getOut();
    for (String name : experiments()) {
      Config config = ConfigFiles.load(Installation.findConfig(name), List.of());
      String question = config.getString("experiment.question");
      if (json) {
        Map<String, Object> line = new LinkedHashMap<>();
        line.put("name", name.substring(ExperimentRunCommand.FOLDER.length()));
        line.put("question", question);
        out.println(Json.line(line));
      } else {
        out.printf("%-22s %s%n", name.substring(ExperimentRunCommand.FOLDER.length()), question);
      }
    }
    out.flush();
    return 0;
  }

  private static List<String> experiments() {
    return Installation.configs().stream()
        .filter(name -> name.startsWith(ExperimentRunCommand.FOLDER))
        .toList();
  }
}
