package dev.hydra.cli;

import com.typesafe.config.Config;
import dev.hydra.bench.ComponentBench;
import dev.hydra.bench.ComponentBench.Row;
import dev.hydra.cli.common.Installation;
import dev.hydra.cli.common.Json;
import dev.hydra.composer.config.ConfigFiles;
import dev.hydra.composer.model.Components;
import dev.hydra.composer.model.Placement;
import dev.hydra.libtorch.kernels.KernelMode;
import dev.hydra.libtorch.runtime.ComputeType;
import dev.hydra.libtorch.runtime.OutOfMemory;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.bytedeco.pytorch.Device;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Times components. */
@Command(
    name = "components",
    description = {
      "Times forward and backward of components, those of a group in turn in one process. On CUDA"
          + " ten passes follow each other before the host waits for the device.",
      "The configuration lists groups of cases; see configs/bench/components.conf,",
      "and configs/bench/peers.conf for what the best Python libraries are compared with."
    },
    mixinStandardHelpOptions = true)
@SuppressWarnings("NullAway.Init") // fields are set by picocli
final class BenchComponentsCommand implements Callable<Integer>, LessMemory {
  private final Components components;

  @Spec private CommandSpec spec;
  @Mixin private DeviceArgument deviceArgument;

  @Parameters(
      arity = "0..1",
      paramLabel = "CONF",
      description = "What to time (default: ${DEFAULT-VALUE}).")
  private String config = "bench/components";

  @Option(
      names = "--group",
      paramLabel = "NAME",
      description = "Only this group. May be given several times.")
  private List<String> groups = List.of();

  @Option(
      names = "--precision",
      paramLabel = "auto|fp32|bf16",
      description = "The type to compute in (default: fp32).")
  private ComputeType.Choice precision = ComputeType.Choice.FP32;

  @Option(
      names = "--kernels",
      paramLabel = "auto|fused|plain",
      description =
          "On CUDA: fused kernels or plain LibTorch operators; fused fails where a kernel cannot be"
              + " compiled (default: auto).")
  private KernelMode kernels = KernelMode.AUTO;

  @Option(
      names = "--seconds",
      paramLabel = "S",
      description = "How long each length of each group is timed (default: ${DEFAULT-VALUE}).")
  private double seconds = 5;

  @Option(
      names = "--set",
      paramLabel = "KEY=VALUE",
      description = "Overrides a value of the configuration. May be given several times.")
  private List<String> overrides = List.of();

  @Option(names = "--forward", description = "Time the forward alone, without gradients.")
  private boolean forward;

  @Option(names = "--json", description = "One JSON object for each row.")
  private boolean json;

  private String shown = "";

  BenchComponentsCommand(Components components) {
    this.components = components;
  }

  @Override
  public String lessMemory(OutOfMemory refused) {
    return "Less is taken with "
        + (precision == ComputeType.Choice.FP32 ? "--precision bf16, or " : "")
        + "one --group with smaller batch and lengths.";
  }

  @Override
  public Integer call() throws IOException {
    Config loaded = ConfigFiles.load(Installation.findConfig(config), overrides);
    Device device = deviceArgument.device();
    Placement computing = new Placement(device, ComputeType.choose(precision, device));
    try (KernelMode.Setting mode = kernels.set()) {
      new ComponentBench(components, computing, forward, seconds).run(loaded, groups, this::print);
    }
    return 0;
  }

  private void print(Row row) {
    PrintWriter out = spec.commandLine().getOut();
    double microseconds = 1e6 * row.timing().median() / ((double) row.batch() * row.tokens());
    if (json) {
      try {
        out.println(Json.line(json(row)));
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
      return;
    }
    if (!shown.equals(row.group())) {
      shown = row.group();
      out.printf(
          "%n%s%n%-28s %5s %7s %10s %10s %10s %9s %9s%n",
          row.group(), "", "batch", "tokens", "median ms", "fastest", "slowest", "us/token", "MiB");
    }
    out.printf(
        "%-28s %5d %7d %10.2f %10.2f %10.2f %9.3f %9s%n",
        row.label(),
        row.batch(),
        row.tokens(),
        1e3 * row.timing().median(),
        1e3 * row.timing().fastest(),
        1e3 * row.timing().slowest(),
        microseconds,
        row.bytes().isPresent()
            ? String.format("%.1f", row.bytes().getAsLong() / (double) (1 << 20))
            : "-");
    out.flush();
  }

  private static Map<String, Object> json(Row row) {
    Map<String, Object> line = new LinkedHashMap<>();
    line.put("group", row.group());
    line.put("label", row.label());
    line.put("batch", row.batch());
    line.put("tokens", row.tokens());
    line.put("median_seconds", row.timing().median());
    line.put("fastest_seconds", row.timing().fastest());
    line.put("slowest_seconds", row.timing().slowest());
    line.put("runs", row.timing().runs());
    row.bytes().ifPresent(bytes -> line.put("peak_bytes", bytes));
    return line;
  }
}
