package dev.hydra.cli;

import com.typesafe.config.ConfigFactory;
import dev.hydra.api.ComponentFactory;
import dev.hydra.api.ConfigException;
import dev.hydra.api.PluginRegistry;
import dev.hydra.api.Registration;
import dev.hydra.cli.common.Json;
import dev.hydra.cli.common.UsageException;
import dev.hydra.cli.plugins.PluginJars;
import dev.hydra.composer.model.ComponentException;
import dev.hydra.libtorch.runtime.LibTorchException;
import dev.hydra.tck.Check;
import dev.hydra.tck.Conformance;
import dev.hydra.tck.ContractViolation;
import dev.hydra.tck.PluginConformance;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Checks what a plugin offers. */
@Command(
    name = "verify",
    description = {
      "Checks whether what a plugin offers keeps its contract.",
      "Components: causality, gradients against finite differences, whole = chunked = token by"
          + " token, packed documents, determinism, parameters and state that move, precision,"
          + " cost, handles, impossible sizes; on CUDA without kernels and with them, against"
          + " float64.",
      "Optimizers: a quadratic, state that moves, tables, handles. Schedules: rates between zero"
          + " and the highest. Tokenizers: there and back. Sources: the same text twice.",
      "Exit code 0: all checks passed; 1: some did not, or the jar cannot be used."
    },
    mixinStandardHelpOptions = true)
@SuppressWarnings("NullAway.Init") // fields are set by picocli
final class VerifyCommand implements Callable<Integer> {
  private static final List<Integer> WIDTHS = List.of(16, 32, 64, 128);

  private final PluginRegistry plugins;
  private final PluginJars jars;

  @Spec private CommandSpec spec;

  @Parameters(paramLabel = "JAR", description = "The plugin.")
  private Path jar;

  @Option(names = "--type", paramLabel = "TYPE", description = "Only what has this name.")
  private @Nullable String type;

  @Option(
      names = "--options",
      paramLabel = "HOCON",
      description = "Its options, such as \"state = 8, heads = 2\" (default: none).")
  private String options = "";

  @Option(
      names = "--width",
      paramLabel = "N",
      description =
          "Width of the hidden states (default: the least of 16, 32, 64 and 128 that the component"
              + " takes).")
  private @Nullable Integer width;

  @Option(names = "--json", description = "One JSON object for each check.")
  private boolean json;

  VerifyCommand(PluginRegistry plugins, PluginJars jars) {
    this.plugins = plugins;
    this.jars = jars;
  }

  @Override
  public Integer call() throws IOException {
    if (!Files.isRegularFile(jar)) {
      throw new UsageException("there is no file " + jar);
    }
    checkOptions();
    List<Registration> others = new ArrayList<>(plugins.all());
    List<Registration> offered = jars.add(jar);
    others.removeIf(each -> offered.stream().anyMatch(own -> own.type().equals(each.type())));
    others.addAll(offered);
    List<Registration> chosen =
        offered.stream().filter(each -> type == null || each.type().equals(type)).toList();
    if (chosen.isEmpty()) {
      throw new UsageException(
          jar + " has no " + type + ", but " + offered.stream().map(Registration::type).toList());
    }
    int failed = 0;
    for (Registration each : chosen) {
      failed += verify(each, others);
    }
    return failed == 0 ? 0 : 1;
  }

  private void checkOptions() {
    try {
      ConfigFactory.parseString(options);
    } catch (com.typesafe.config.ConfigException e) {
      throw new UsageException("--options is not HOCON: " + e.getMessage());
    }
  }

  /** Checks one, which may nest the others if it is a component; counts failures. */
  private int verify(Registration plugin, List<Registration> all) throws IOException {
    PrintWriter out = spec.commandLine().getOut();
    if (!json) {
      out.printf("%s %s of %s%n", plugin.category(), plugin.type(), plugin.plugin());
    }
    List<String> failed = new ArrayList<>();
    for (Check check : checks(plugin, all)) {
      long begin = System.nanoTime();
      String problem = run(check).orElse(null);
      report(plugin, check, problem, (System.nanoTime() - begin) / 1e9);
      if (problem != null) {
        failed.add(check.name());
      }
    }
    if (!json) {
      out.println(failed.isEmpty() ? "all passed" : "failed: " + String.join(", ", failed));
    }
    return failed.size();
  }

  private List<Check> checks(Registration plugin, List<Registration> all) {
    if (!(plugin.factory() instanceof ComponentFactory<?> factory)) {
      try {
        return PluginConformance.of(plugin.factory()).options(options).tests();
      } catch (ConfigException e) {
        throw new UsageException(e.getMessage() + "; set it with --options");
      }
    }
    ComponentFactory<?>[] others =
        PluginJars.components(all).stream()
            .filter(each -> !each.type().equals(plugin.type()))
            .map(each -> each.as(ComponentFactory.class))
            .toArray(ComponentFactory<?>[]::new);
    return withWidth(Conformance.of(factory).with(others).options(options)).tests();
  }

  private Conformance withWidth(Conformance any) {
    try {
      return any.firstWidth(width == null ? WIDTHS : List.of(width));
    } catch (ConfigException e) {
      throw new UsageException(e.getMessage() + "; set it with --options or --width");
    }
  }

  /** What is wrong, if anything is; whatever a plugin throws is its own fault. */
  private static Optional<String> run(Check check) {
    try {
      check.run();
      return Optional.empty();
    } catch (ContractViolation e) {
      return Optional.of(String.valueOf(e.getMessage()));
    } catch (ConfigException e) {
      return Optional.of("it refuses options that it took before: " + e.getMessage());
    } catch (ComponentException e) {
      return Optional.of("it " + e.problem());
    } catch (RuntimeException | LinkageError | AssertionError | StackOverflowError e) {
      return Optional.of("it throws " + LibTorchException.readable(e));
    }
  }

  private void report(Registration component, Check check, @Nullable String problem, double seconds)
      throws IOException {
    PrintWriter out = spec.commandLine().getOut();
    if (json) {
      Map<String, Object> line = new LinkedHashMap<>();
      line.put("type", component.type());
      line.put("check", check.name());
      line.put("passed", problem == null);
      if (problem != null) {
        line.put("problem", problem);
      }
      line.put("seconds", seconds);
      out.println(Json.line(line));
    } else {
      out.printf(
          "  %-4s  %-30s %6.2f s  %s%n",
          problem == null ? "ok" : "FAIL", check.name(), seconds, problem == null ? "" : problem);
    }
    out.flush();
  }
}
