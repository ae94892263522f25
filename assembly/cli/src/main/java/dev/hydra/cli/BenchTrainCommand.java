package dev.hydra.cli;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import dev.hydra.api.PluginRegistry;
import dev.hydra.bench.Shape;
import dev.hydra.bench.TrainingBench;
import dev.hydra.bench.TrainingBench.Row;
import dev.hydra.cli.common.Json;
import dev.hydra.cli.common.Terminal;
import dev.hydra.cli.common.UsageException;
import dev.hydra.composer.config.ConfigFiles;
import dev.hydra.composer.model.Components;
import dev.hydra.composer.model.Placement;
import dev.hydra.composer.spec.ModelSpec;
import dev.hydra.libtorch.kernels.KernelMode;
import dev.hydra.libtorch.runtime.ComputeType;
import dev.hydra.libtorch.runtime.Determinism;
import dev.hydra.libtorch.runtime.OutOfMemory;
import dev.hydra.optim.OptimizerSettings;
import dev.hydra.trainer.run.Experiment;
import dev.hydra.trainer.run.TrainerSettings;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import java.util.concurrent.Callable;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Times the training steps of a model. */
@Command(
    name = "train",
    description = {
      "Times training steps of a model on random tokens: forward, backward and update.",
      "The model is that of a configuration; optimizer and trainer settings in it count too."
    },
    mixinStandardHelpOptions = true)
@SuppressWarnings("NullAway.Init") // fields are set by picocli
final class BenchTrainCommand implements Callable<Integer>, LessMemory {
  private static final double GIB = 1L << 30;

  /** A run must say how long it is; here --steps does. */
  private static final String STEPS = "trainer.steps = 1";

  private final Components components;
  private final PluginRegistry plugins;

  @Spec private CommandSpec spec;
  @Mixin private ConfigArguments config;
  @Mixin private DeviceArgument deviceArgument;

  @Option(
      names = "--shape",
      paramLabel = "BATCHxTOKENS",
      description = "A batch to time (default: 1x1024). May be given several times.")
  private List<String> shapes = List.of("1x1024");

  @Option(
      names = "--steps",
      paramLabel = "N",
      description = "How many steps of each shape are timed (default: ${DEFAULT-VALUE}).")
  private int steps = 20;

  @Option(names = "--forward", description = "Time the forward alone, without gradients.")
  private boolean forward;

  @Option(names = "--json", description = "One JSON object for each row.")
  private boolean json;

  /** The training step that is timed, if one is. */
  private @Nullable FittingShapes fitting;

  BenchTrainCommand(Components components, PluginRegistry plugins) {
    this.components = components;
    this.plugins = plugins;
  }

  @Override
  public String lessMemory(OutOfMemory refused) {
    return fitting == null
        ? "Less is taken with a smaller --shape."
        : "It was timing " + fitting.asked() + ". " + fitting.text(refused);
  }

  @Override
  public Integer call() throws IOException {
    if (steps < 1) {
      throw new UsageException("--steps must be at least 1");
    }
    List<Shape> asked = shapes.stream().map(BenchTrainCommand::shape).toList();
    Config loaded = config.load().withFallback(ConfigFactory.parseString(STEPS));
    ConfigFiles.allow(loaded, Experiment.PARTS);
    config.warnUnread(spec, "data", "generation");
    TrainerSettings trainer = TrainerSettings.read(ConfigFiles.part(loaded, "trainer"));
    Device device = deviceArgument.device();
    Terminal screen = spec.commandLine().getErr()::println;
    trainer.withoutEffect(device).ifPresent(screen::warned);
    ModelSpec model = ModelSpec.read(loaded);
    ScalarType compute = ComputeType.choose(trainer.precision(), device);
    OptimizerSettings optimizer =
        OptimizerSettings.read(ConfigFiles.part(loaded, "optimizer"), plugins);
    TrainingBench bench =
        new TrainingBench(
            model,
            components,
            new Placement(device, compute),
            optimizer,
            trainer.recompute(),
            trainer.graph(),
            screen::warned,
            steps);
    PrintWriter out = spec.commandLine().getOut();
    if (!json) {
      out.printf(
          "%-12s %12s %10s %10s %10s %7s %10s %13s%n",
          "shape",
          "tokens/s",
          "median ms",
          "fastest",
          "slowest",
          "MFU",
          "peak GiB",
          "first step s");
    }
    try (KernelMode.Setting mode = trainer.kernels().set();
        Determinism.Setting same = trainer.determinism().set()) {
      for (Shape shape : asked) {
        fitting =
            forward
                ? null
                : new FittingShapes(
                    model, components, compute, shape, trainer.recompute(), optimizer);
        if (fitting != null && device.is_cpu()) {
          fitting.refuseBeyondHost();
        }
        Row row = forward ? bench.forward(shape) : bench.train(shape);
        out.println(json ? Json.line(json(row)) : line(row));
        out.flush();
      }
    }
    return 0;
  }

  private static Shape shape(String text) {
    try {
      return Shape.parse(text);
    } catch (IllegalArgumentException e) {
      throw new UsageException("--shape: " + e.getMessage());
    }
  }

  private static String line(Row row) {
    return "%-12s %,12.0f %10.2f %10.2f %10.2f %7s %10s %13.1f"
        .formatted(
            row.shape(),
            row.tokensPerSecond(),
            1e3 * row.step().median(),
            1e3 * row.step().fastest(),
            1e3 * row.step().slowest(),
            row.mfu().isPresent() ? "%.1f%%".formatted(100 * row.mfu().getAsDouble()) : "-",
            row.peakBytes().isPresent() ? "%.2f".formatted(row.peakBytes().getAsLong() / GIB) : "-",
            row.firstStepSeconds());
  }

  private Map<String, Object> json(Row row) {
    Map<String, Object> line = new LinkedHashMap<>();
    line.put("shape", row.shape().toString());
    line.put("pass", forward ? "forward" : "train");
    line.put("tokens_per_second", row.tokensPerSecond());
    line.put("mfu", number(row.mfu()));
    line.put("peak_bytes", number(row.peakBytes()));
    line.put("first_step_s", row.firstStepSeconds());
    line.put("median_s", row.step().median());
    line.put("fastest_s", row.step().fastest());
    line.put("slowest_s", row.step().slowest());
    line.put("steps", row.step().runs());
    return line;
  }

  private static @Nullable Double number(OptionalDouble value) {
    return value.isPresent() ? value.getAsDouble() : null;
  }

  private static @Nullable Long number(OptionalLong value) {
    return value.isPresent() ? value.getAsLong() : null;
  }
}
