package dev.hydra.cli;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import dev.hydra.bench.GenerationBench;
import dev.hydra.bench.GenerationBench.Case;
import dev.hydra.bench.GenerationBench.Row;
import dev.hydra.cli.common.Json;
import dev.hydra.cli.common.Terminal;
import dev.hydra.cli.common.UsageException;
import dev.hydra.composer.config.ConfigFiles;
import dev.hydra.composer.model.Components;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.Placement;
import dev.hydra.composer.spec.ModelSpec;
import dev.hydra.inference.EngineLimits;
import dev.hydra.libtorch.graphs.GraphMode;
import dev.hydra.libtorch.kernels.KernelMode;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.libtorch.runtime.OutOfMemory;
import dev.hydra.trainer.run.Experiment;
import dev.hydra.trainer.run.TrainerSettings;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Times how fast a model reads prompts and continues them. */
@Command(
    name = "generate",
    description = {
      "Times how fast a model reads random prompts and continues them, by the engine that generate,"
          + " chat and serve stand on.",
      "The model is that of a configuration, with random weights; trainer.kernels and"
          + " trainer.graph in it count too."
    },
    mixinStandardHelpOptions = true)
@SuppressWarnings("NullAway.Init") // fields are set by picocli
final class BenchGenerateCommand implements Callable<Integer>, LessMemory {
  private static final double GIB = 1L << 30;

  /** A run must say how long it is; here --tokens does. */
  private static final String STEPS = "trainer.steps = 1";

  private final Components components;

  @Spec private CommandSpec spec;
  @Mixin private ConfigArguments config;
  @Mixin private DeviceArgument deviceArgument;
  @Mixin private DecodingPrecision precision;

  @Option(
      names = "--batch",
      paramLabel = "N",
      description =
          "How many texts are continued at the same time (default: 1). May be given several"
              + " times.")
  private List<Integer> batches = List.of(1);

  @Option(
      names = "--context",
      paramLabel = "N",
      description = "The tokens of each prompt (default: 512). May be given several times.")
  private List<Integer> contexts = List.of(512);

  @Option(
      names = "--tokens",
      paramLabel = "N",
      description = "How many tokens of each text are timed (default: ${DEFAULT-VALUE}).")
  private int tokens = 128;

  @Option(
      names = "--prefill",
      paramLabel = "N",
      description =
          "The most tokens of prompts that are read between two steps (default: 512 on a CPU, 16384"
              + " on CUDA).")
  private @Nullable Integer prefill;

  @Option(names = "--json", description = "One JSON object for each row.")
  private boolean json;

  BenchGenerateCommand(Components components) {
    this.components = components;
  }

  @Override
  public String lessMemory(OutOfMemory refused) {
    return "Less is taken with "
        + precision.less()
        + "a smaller --batch, --context, --tokens or --prefill.";
  }

  @Override
  public Integer call() throws IOException {
    atLeastOne("--tokens", tokens);
    batches.forEach(batch -> atLeastOne("--batch", batch));
    contexts.forEach(context -> atLeastOne("--context", context));
    Config loaded = config.load().withFallback(ConfigFactory.parseString(STEPS));
    ConfigFiles.allow(loaded, Experiment.PARTS);
    config.warnUnread(spec, "data", "optimizer", "generation");
    TrainerSettings trainer = TrainerSettings.read(ConfigFiles.part(loaded, "trainer"));
    Device device = deviceArgument.device();
    Terminal screen = spec.commandLine().getErr()::println;
    trainer.withoutEffect(device).ifPresent(screen::warned);
    int read = prefill == null ? EngineLimits.prefillOn(device) : prefill;
    atLeastOne("--prefill", read);
    GraphMode graph = trainer.graph();
    ModelSpec model = ModelSpec.read(loaded);
    if (NoEffect.isGiven(spec, StateTypeArgument.NAME)) {
      try (Model built =
          Model.build(model, components, new Placement(Devices.meta(), ScalarType.Float), 0)) {
        precision.warn(spec, "the model", built);
      }
    }
    GenerationBench bench =
        new GenerationBench(
            model, components, precision.on(device), graph, precision.quantization());
    PrintWriter out = spec.commandLine().getOut();
    if (!json) {
      out.printf(
          "%6s %9s %12s %10s %10s %16s %14s %10s%n",
          "batch",
          "context",
          "tokens/s",
          "median ms",
          "fastest",
          "prefill tokens/s",
          "first token ms",
          "peak GiB");
    }
    try (KernelMode.Setting mode = trainer.kernels().set()) {
      for (int context : contexts) {
        for (int batch : batches) {
          Row row = bench.run(new Case(batch, context, tokens, read));
          out.println(json ? Json.line(json(row)) : line(row));
          out.flush();
        }
      }
    }
    return 0;
  }

  private static void atLeastOne(String name, int value) {
    if (value < 1) {
      throw new UsageException(name + " must be at least 1");
    }
  }

  private static String line(Row row) {
    return "%6d %,9d %,12.1f %10.3f %10.3f %,16.0f %14.1f %10s"
        .formatted(
            row.measured().batch(),
            row.measured().context(),
            row.tokensPerSecond(),
            1e3 * row.step().median(),
            1e3 * row.step().fastest(),
            row.prefillTokensPerSecond(),
            1e3 * row.firstTokenSeconds(),
            row.peakBytes().isPresent()
                ? "%.2f".formatted(row.peakBytes().getAsLong() / GIB)
                : "-");
  }

  private static Map<String, Object> json(Row row) {
    Map<String, Object> line = new LinkedHashMap<>();
    line.put("batch", row.measured().batch());
    line.put("context", row.measured().context());
    line.put("tokens", row.measured().tokens());
    line.put("tokens_per_second", row.tokensPerSecond());
    line.put("prefill_tokens_per_second", row.prefillTokensPerSecond());
    line.put("first_token_s", row.firstTokenSeconds());
    line.put("median_s", row.step().median());
    line.put("fastest_s", row.step().fastest());
    line.put("slowest_s", row.step().slowest());
    line.put("replayed_steps", row.replayed());
    line.put("peak_bytes", row.peakBytes().isPresent() ? row.peakBytes().getAsLong() : null);
    return line;
  }
}
