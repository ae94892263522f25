package dev.hydra.cli;

import com.typesafe.config.Config;
import dev.hydra.api.Messages;
import dev.hydra.cli.common.Installation;
import dev.hydra.cli.common.Json;
import dev.hydra.cli.common.UsageException;
import dev.hydra.cli.plugins.PluginJars;
import dev.hydra.composer.model.Model;
import dev.hydra.data.Dataset;
import dev.hydra.inference.NotFiniteException;
import dev.hydra.trainer.evaluation.Evaluator;
import dev.hydra.trainer.evaluation.Observation;
import dev.hydra.trainer.evaluation.Score;
import dev.hydra.trainer.run.Checkpoint;
import dev.hydra.trainer.run.Experiment;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.bytedeco.pytorch.Device;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Scores a trained model. */
@Command(
    name = "eval",
    description = {
      "Scores a trained model on the held-out part of its data.",
      "For other data: --set data.files=FILE --set data.validation-fraction=0.5"
    },
    mixinStandardHelpOptions = true)
@SuppressWarnings("NullAway.Init") // fields are set by picocli
final class EvalCommand implements Callable<Integer> {
  private final PluginJars plugins;

  @Spec private CommandSpec spec;
  @Mixin private ModelFolder folder;
  @Mixin private DeviceArgument deviceArgument;
  @Mixin private PrecisionArgument precision;
  @Mixin private SwapFolder swaps;

  @Option(
      names = "--windows",
      paramLabel = "N",
      description = "About so many windows, in whole batches (default: all).")
  private int windows = Integer.MAX_VALUE;

  @Option(
      names = "--observe",
      description = "Also what components observe: expert load, gates, memory usage.")
  private boolean observe;

  @Option(names = "--json", description = "One JSON object.")
  private boolean json;

  EvalCommand(PluginJars plugins) {
    this.plugins = plugins;
  }

  @Override
  public Integer call() throws IOException {
    if (windows < 1) {
      throw new UsageException("--windows must be at least 1");
    }
    Checkpoint checkpoint = folder.checkpoint();
    Config config = folder.config(checkpoint);
    Experiment experiment = Experiment.read(config, plugins.registry(), Installation.dataRoots());
    Dataset dataset = experiment.data().open(Installation.dataRoots());
    Device device = deviceArgument.device();
    try (Model model =
        ModelFolder.load(checkpoint, config, plugins, device, precision.on(device))) {
      NotFiniteException.checkWeights(model);
      Evaluator plain = new Evaluator(model, dataset, experiment.trainer().batchSize());
      if (!plain.possible()) {
        throw new UsageException("nothing is held out; --set data.validation-fraction=0.05");
      }
      Result result =
          swaps.during(
              model,
              config,
              plugins,
              spec,
              swapper -> measure(swapper.map(plain::swapping).orElse(plain)));
      Score score = result.score();
      NotFiniteException.check("the loss", score.loss());
      Map<String, Observation> observations = result.observations();
      if (json) {
        Map<String, Object> line = new LinkedHashMap<>();
        line.put("loss", score.loss());
        line.put("bits_per_byte", score.bitsPerByte());
        line.put("tokens", score.tokens());
        if (observe) {
          Map<String, Object> values = new LinkedHashMap<>();
          observations.forEach((name, each) -> values.put(name, each.values()));
          line.put("observations", values);
        }
        spec.commandLine().getOut().println(Json.line(line));
      } else {
        spec.commandLine()
            .getOut()
            .printf(
                "%s: loss %.4f nats per token, %.4f bits per byte, %s, %,d of %,d held-out"
                    + " bytes%n",
                checkpoint.folder(),
                score.loss(),
                score.bitsPerByte(),
                Messages.count(score.tokens(), "token"),
                score.bytes(),
                score.heldOut());
        observations.forEach(this::print);
      }
    }
    return 0;
  }

  private record Result(Score score, Map<String, Observation> observations) {}

  private Result measure(Evaluator evaluator) {
    boolean terminal = Boolean.getBoolean("hydra.terminal");
    try (ProgressDisplay display = new ProgressDisplay(spec.commandLine().getErr(), terminal, 0)) {
      Score score = evaluator.score(windows, () -> false, display::evaluating).orElseThrow();
      return new Result(
          score, observe ? evaluator.observe(windows, display::evaluating) : Map.of());
    }
  }

  private void print(String name, Observation observation) {
    String values =
        observation.values().stream()
            .map(value -> String.format("%.4f", value))
            .collect(Collectors.joining(" "));
    spec.commandLine()
        .getOut()
        .printf(
            "%-40s %s%n", name, values + (observation.perToken() ? "  (mean, least, most)" : ""));
  }
}
