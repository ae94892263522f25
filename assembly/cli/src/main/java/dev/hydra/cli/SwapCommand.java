package dev.hydra.cli;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import dev.hydra.cli.common.Json;
import dev.hydra.cli.common.UsageException;
import dev.hydra.cli.swap.ControlClient;
import dev.hydra.cli.swap.SwapOrder;
import dev.hydra.cli.swap.SwapText;
import dev.hydra.composer.config.ConfigFiles;
import dev.hydra.composer.swap.SwapRequest;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Swaps components of a running training. */
@Command(
    name = "swap",
    description = {
      "Swaps components of a running training for those of another version of their plugin, for"
          + " other options or another type, between two steps.",
      "Exit code 0: done; 1: refused, and the training goes on as it was; 2: wrong use, and the"
          + " training was not asked; 3: with --wait, rolled back."
    },
    mixinStandardHelpOptions = true)
@SuppressWarnings("NullAway.Init") // fields are set by picocli
final class SwapCommand implements Callable<Integer> {
  private static final int ROLLED_BACK = 3;

  @Spec private CommandSpec spec;
  @Mixin private ControlClient client;

  @Parameters(
      index = "0",
      arity = "0..1",
      paramLabel = "JAR",
      description = "The plugin's new version. May be left out with --set or --config.")
  private @Nullable Path jar;

  @Option(
      names = "--sites",
      paramLabel = "SITE",
      split = ",",
      description =
          "Only at these sites, such as blocks.3.mixer or blocks.*.ffn (default: wherever a type of"
              + " the plugin stands).")
  private List<String> sites = List.of();

  @Option(
      names = "--set",
      paramLabel = "KEY=VALUE",
      description =
          "Another value for an option of these sites, type included. May be given several times.")
  private List<String> overrides = List.of();

  @Option(
      names = "--config",
      paramLabel = "FILE",
      description = "A file of HOCON with the options of these sites.")
  private @Nullable Path config;

  @Option(
      names = "--policy",
      paramLabel = "error|drop|keep",
      description =
          "What becomes of parameters that the new component does not ask for: the swap is refused,"
              + " they go, or they stay in checkpoints without use (default: error).")
  private SwapRequest.UnexpectedKeys unexpectedKeys = SwapRequest.UnexpectedKeys.ERROR;

  @Option(
      names = "--state",
      paramLabel = "refuse|reset",
      description =
          "What becomes of the tokens so far where a text is being generated and the new component"
              + " keeps them in another form: the swap is refused, or the site forgets them"
              + " (default: refuse).")
  private SwapRequest.State state = SwapRequest.State.REFUSE;

  @Option(
      names = "--limit",
      paramLabel = "SECONDS",
      description =
          "How long building and probing may take before it is refused (default:"
              + " ${DEFAULT-VALUE}).")
  private double limit = SwapRequest.LIMIT.toSeconds();

  @Option(names = "--dry-run", description = "Builds and probes, and changes nothing.")
  private boolean dryRun;

  @Option(
      names = "--wait",
      description =
          "Waits until the swap is confirmed, as its guard is over (trainer.swap.guard-steps and"
              + " guard-time), or rolled back, which is exit code 3.")
  private boolean awaitVerdict;

  @Option(names = "--json", description = "One JSON object; with --wait a second one.")
  private boolean json;

  @Override
  public Integer call() throws IOException {
    Duration allowed = Duration.ofMillis((long) (1000 * limit));
    SwapOrder order =
        new SwapOrder(
            Optional.ofNullable(jar),
            sites,
            options(),
            unexpectedKeys,
            state,
            allowed,
            dryRun,
            awaitVerdict);
    if (allowed.isZero() || allowed.isNegative()) {
      throw new UsageException("--limit must be more than 0 seconds");
    }
    order.check();
    if (!awaitVerdict || dryRun) {
      show(spec, client.ask(order.json()), json);
      return 0;
    }
    Map<String, Object> verdict = client.ask(order.json(), swapped -> show(spec, swapped, json));
    PrintWriter out = spec.commandLine().getOut();
    out.println(json ? Json.line(verdict) : SwapText.verdict(verdict));
    return SwapText.stays(verdict) ? 0 : ROLLED_BACK;
  }

  /** Reads them here, where mistakes in them have names and lines. */
  private String options() {
    Config options =
        config == null
            ? ConfigFiles.override(ConfigFactory.empty(), overrides)
            : ConfigFiles.load(config, overrides);
    return options.isEmpty() ? "" : ConfigFiles.render(options);
  }

  /** Prints an answer. */
  static void show(CommandSpec spec, Map<String, Object> answer, boolean json) throws IOException {
    PrintWriter out = spec.commandLine().getOut();
    if (json) {
      out.println(Json.line(answer));
    } else {
      SwapText.lines(answer).forEach(out::println);
    }
  }
}
