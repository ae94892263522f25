package dev.hydra.cli;

import dev.hydra.api.ComponentFactory;
import dev.hydra.api.Names;
import dev.hydra.api.PluginRegistry;
import dev.hydra.api.Registration;
import dev.hydra.api.Role;
import dev.hydra.cli.common.Json;
import dev.hydra.cli.common.UsageException;
import dev.hydra.cli.swap.ControlClient;
import dev.hydra.composer.config.OptionTable;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Shows what plugins there are, begins new ones, and swaps them. */
@Command(
    name = "plugins",
    description = "Shows what plugins offer, begins, checks and swaps plugins.",
    mixinStandardHelpOptions = true,
    synopsisSubcommandLabel = "list | describe | new | verify | swap | rollback",
    subcommands = {NewCommand.class, VerifyCommand.class, SwapCommand.class, RollbackCommand.class})
final class PluginsCommand extends CommandGroup {
  private final PluginRegistry plugins;

  PluginsCommand(PluginRegistry plugins) {
    this.plugins = plugins;
  }

  @Command(
      name = "list",
      description = {
        "Lists components, tokenizers, optimizers and whatever else plugins offer.",
        "With --run: what stands at every site of a running training."
      },
      mixinStandardHelpOptions = true)
  int list(
      @Mixin ControlClient client,
      @Option(names = "--json", description = "One JSON object.") boolean json,
      @Option(names = "--options", description = "Every option with its meaning.") boolean options)
      throws IOException {
    if (client.named()) {
      return sites(client.ask(Map.of("do", "list")), json);
    }
    List<Registration> all =
        plugins.all().stream()
            .sorted(
                Comparator.comparing(PluginsCommand::rank)
                    .thenComparing(Registration::category)
                    .thenComparing(Registration::type))
            .toList();
    var out = spec.commandLine().getOut();
    if (json) {
      out.println(Json.line(Map.of("plugins", all.stream().map(PluginsCommand::json).toList())));
      return 0;
    }
    for (Registration each : all) {
      out.printf(
          "%-9s %-16s %s %s%n",
          each.category(), each.type(), each.plugin().name(), each.plugin().fullVersion());
      if (options) {
        for (dev.hydra.api.Option<?> option : each.factory().options()) {
          out.printf(
              "            %-16s %s; %s; default: %s%n",
              option.name(), option.doc(), option.type(), option.otherwise());
        }
      }
    }
    return 0;
  }

  /** Components come first, in the order of their roles. */
  private static int rank(Registration registration) {
    return registration.factory() instanceof ComponentFactory<?> components
        ? List.of(Role.values()).indexOf(components.role())
        : Role.values().length;
  }

  private int sites(Map<String, Object> answer, boolean json) throws IOException {
    var out = spec.commandLine().getOut();
    if (json) {
      out.println(Json.line(answer));
      return 0;
    }
    for (Object each : Json.list(answer, "sites")) {
      Map<?, ?> site = (Map<?, ?>) each;
      out.printf("%-24s %s%n", site.get("site"), site.get("component"));
    }
    return 0;
  }

  @Command(
      name = "describe",
      description = "Prints the options of what a plugin offers as a table in Markdown.",
      mixinStandardHelpOptions = true)
  int describe(
      @Parameters(paramLabel = "TYPE", description = "Its name, such as mamba2 or cosine.")
          String type) {
    List<Registration> all = plugins.all();
    List<Registration> found = all.stream().filter(each -> each.type().equals(type)).toList();
    if (found.isEmpty()) {
      List<String> kinds = all.stream().map(Registration::category).distinct().sorted().toList();
      throw new UsageException(
          Names.unknown(
                  "name", type, all.stream().map(Registration::type).sorted().distinct().toList())
              + " (sought in every kind: "
              + String.join(", ", kinds)
              + ")");
    }
    var out = spec.commandLine().getOut();
    for (Registration each : found) {
      if (found.size() > 1) {
        out.printf("%s of %s:%n", each.category(), each.plugin());
      }
      out.print(OptionTable.markdown(each.factory().options()));
    }
    out.flush();
    return 0;
  }

  private static Map<String, Object> json(Registration each) {
    List<Map<String, String>> options = new ArrayList<>();
    for (dev.hydra.api.Option<?> option : each.factory().options()) {
      Map<String, String> one = new LinkedHashMap<>();
      one.put("name", option.name());
      one.put("type", option.type());
      one.put("default", option.otherwise());
      one.put("doc", option.doc());
      options.add(one);
    }
    Map<String, Object> line = new LinkedHashMap<>();
    line.put("kind", each.kind().name());
    if (each.factory() instanceof ComponentFactory<?> components) {
      line.put("role", components.role().key());
    }
    line.put("type", each.type());
    line.put("plugin", each.plugin().name());
    line.put("version", each.plugin().fullVersion());
    line.put("options", options);
    return line;
  }
}
