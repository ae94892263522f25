package dev.hydra.cli;

import com.typesafe.config.Config;
import dev.hydra.cli.common.Installation;
import dev.hydra.cli.common.Json;
import dev.hydra.cli.common.UsageException;
import dev.hydra.cli.plugins.PluginJars;
import dev.hydra.cli.plugins.RunPlugins;
import dev.hydra.cli.swapbench.CountedPlugins;
import dev.hydra.cli.swapbench.SwapBench;
import dev.hydra.cli.swapbench.SwapTrial;
import dev.hydra.composer.config.ConfigFiles;
import dev.hydra.libtorch.io.DurableFiles;
import dev.hydra.libtorch.runtime.OutOfMemory;
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
import org.bytedeco.pytorch.Device;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Shows what swaps cost and that they do no harm. */
@Command(
    name = "swap",
    description = {
      "Trains a model while its plugins are swapped, in turn, for identical ones under another"
          + " version, and for faulty ones; says what it costs and whether anything suffers.",
      "Exit code 0: all proofs passed; 1: one did not."
    },
    mixinStandardHelpOptions = true)
@SuppressWarnings("NullAway.Init") // fields are set by picocli
final class BenchSwapCommand implements Callable<Integer>, LessMemory {
  private static final int GUARD_STEPS = 50;

  private final PluginJars plugins;

  @Spec private CommandSpec spec;
  @Mixin private DeviceArgument deviceArgument;

  @Parameters(
      arity = "0..1",
      paramLabel = "CONF",
      description = "What to train (default: ${DEFAULT-VALUE}).")
  private String name = "bench/swap";

  @Option(
      names = "--swaps",
      paramLabel = "N",
      description = "How many are made in the long run (default: ${DEFAULT-VALUE}).")
  private int swaps = 1000;

  @Option(
      names = "--only",
      paramLabel = "PROOF",
      split = ",",
      description =
          "Only these of identical, unguarded, together, refusals, reshaped, decode, kill and many.")
  private List<String> only = List.of();

  @Option(
      names = "--set",
      paramLabel = "KEY=VALUE",
      description = "Overrides a value of the configuration. May be given several times.")
  private List<String> overrides = List.of();

  @Option(names = "--json", description = "One JSON object for each proof.")
  private boolean json;

  BenchSwapCommand(PluginJars plugins) {
    this.plugins = plugins;
  }

  @Override
  public String lessMemory(OutOfMemory refused) {
    return "Less is taken with a smaller model, or windows that are fewer and shorter (--set"
        + " trainer.batch-size=1, --set data.sequence-length=N).";
  }

  @Override
  public Integer call() throws IOException {
    Path file = Installation.findConfig(name);
    Config config = Installation.withAbsoluteData(ConfigFiles.load(file, overrides), file);
    PrintWriter screen = spec.commandLine().getErr();
    Map<String, Trial> trials = trials(screen);
    for (String each : only) {
      if (!trials.containsKey(each)) {
        throw new UsageException("there is no proof " + each + ", only " + trials.keySet());
      }
    }
    Path folder = Files.createTempDirectory("hydra-bench-swap-");
    try {
      Device device = deviceArgument.device();
      SwapBench bench = new SwapBench(config, new CountedPlugins(plugins), device, folder);
      screen.println(
          file + " on " + device.str().getString() + ", swapping in turn: " + bench.swapped());
      boolean passed = true;
      for (Map.Entry<String, Trial> each : trials.entrySet()) {
        if (only.isEmpty() || only.contains(each.getKey())) {
          SwapBench.Proof proof = each.getValue().run(bench);
          passed &= proof.passed();
          print(proof);
        }
      }
      return passed ? 0 : 1;
    } finally {
      DurableFiles.delete(folder);
    }
  }

  private Map<String, Trial> trials(PrintWriter screen) {
    Map<String, Trial> trials = new LinkedHashMap<>();
    trials.put("identical", bench -> bench.identical(GUARD_STEPS));
    trials.put("unguarded", bench -> bench.identical(0));
    trials.put("together", SwapBench::together);
    Installation.home()
        .ifPresent(home -> trials.put("refusals", bench -> bench.refusals(brokenComponents(home))));
    trials.put("reshaped", bench -> bench.reshaped(GUARD_STEPS));
    trials.put("decode", SwapBench::decoding);
    Installation.home()
        .ifPresent(home -> trials.put("kill", bench -> bench.killed(home.resolve("bin/hydra"))));
    trials.put("many", bench -> bench.many(swaps, census -> screen.println("  " + census)));
    return trials;
  }

  /** Finds the jar of broken components, which no process ever loads as it is. */
  private static Path brokenComponents(Path home) throws IOException {
    List<Path> found = RunPlugins.jars(home.resolve("lib/swap-proof"));
    if (found.size() != 1) {
      throw new IOException("there must be one jar in " + home.resolve("lib/swap-proof"));
    }
    return found.get(0);
  }

  private void print(SwapBench.Proof proof) throws IOException {
    PrintWriter out = spec.commandLine().getOut();
    List<Double> pauses = new ArrayList<>();
    List<Double> waits = new ArrayList<>();
    for (SwapTrial.Answer answer : proof.answers()) {
      if (answer.switched()) {
        pauses.add(Json.number(answer.json(), "pause_ms"));
        waits.add(answer.millis());
      }
    }
    Optional<Spread> pause = Spread.of(pauses);
    Optional<Spread> wait = Spread.of(waits);
    if (json) {
      Map<String, Object> line = new LinkedHashMap<>();
      line.put("proof", proof.name());
      line.put("passed", proof.passed());
      line.put("detail", proof.detail());
      pause.ifPresent(each -> line.put("pause_ms", each.json()));
      wait.ifPresent(each -> line.put("command_to_switch_ms", each.json()));
      out.println(Json.line(line));
    } else {
      out.println(
          (proof.passed() ? "passed  " : "FAILED  ") + proof.name() + ": " + proof.detail());
      pause.ifPresent(each -> out.println("    pause at the step boundary: " + each));
      wait.ifPresent(each -> out.println("    from command to switch:     " + each));
    }
    out.flush();
  }

  @FunctionalInterface
  private interface Trial {
    SwapBench.Proof run(SwapBench bench) throws IOException;
  }

  /** How long things took, in milliseconds. */
  private record Spread(double median, double p99, double slowest, int count) {
    static Optional<Spread> of(List<Double> millis) {
      if (millis.isEmpty()) {
        return Optional.empty();
      }
      double[] sorted = millis.stream().mapToDouble(each -> each).sorted().toArray();
      return Optional.of(
          new Spread(rank(sorted, 0.5), rank(sorted, 0.99), rank(sorted, 1), sorted.length));
    }

    /** The smallest one that this part of them does not exceed. */
    private static double rank(double[] sorted, double part) {
      return sorted[Math.max(0, (int) Math.ceil(part * sorted.length) - 1)];
    }

    Map<String, Object> json() {
      return Map.of("median", median, "p99", p99, "slowest", slowest, "count", count);
    }

    @Override
    public String toString() {
      return String.format(
          "median %.2f ms, p99 %.2f ms, slowest %.2f ms, of %,d", median, p99, slowest, count);
    }
  }
}
