package dev.hydra.cli;

import com.typesafe.config.Config;
import dev.hydra.api.Messages;
import dev.hydra.cli.common.Installation;
import dev.hydra.cli.common.Json;
import dev.hydra.cli.common.UsageException;
import dev.hydra.cli.plugins.PluginJars;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.Placement;
import dev.hydra.data.Tokenizer;
import dev.hydra.data.ValidationSet;
import dev.hydra.inference.NotFiniteException;
import dev.hydra.inference.Quantization;
import dev.hydra.libtorch.graphs.GraphMode;
import dev.hydra.libtorch.runtime.OutOfMemory;
import dev.hydra.trainer.evaluation.Evaluator;
import dev.hydra.trainer.evaluation.Observation;
import dev.hydra.trainer.evaluation.Score;
import dev.hydra.trainer.run.Checkpoint;
import dev.hydra.trainer.run.Experiment;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
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
      "Scores a trained model on its held-out text and data.validation, or on all of each FILE."
    },
    mixinStandardHelpOptions = true)
@SuppressWarnings("NullAway.Init") // fields are set by picocli
final class EvalCommand implements Callable<Integer>, LessMemory {
  private final PluginJars plugins;

  @Spec private CommandSpec spec;
  @Mixin private ModelFolder folder;
  @Mixin private DeviceArgument deviceArgument;
  @Mixin private PrecisionArgument precision;
  @Mixin private SwapFolder swaps;

  @Mixin private EvaluatedFiles files;

  @Option(
      names = "--windows",
      paramLabel = "N",
      description = "About so many windows of each text, in whole batches (default: all).")
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
  public String lessMemory(OutOfMemory refused) {
    return "Less is taken with "
        + precision.less()
        + "fewer windows at once (--set trainer.batch-size=1) or shorter ones (--set"
        + " data.sequence-length=N).";
  }

  @Override
  public Integer call() throws IOException {
    if (windows < 1) {
      throw new UsageException("--windows must be at least 1");
    }
    if (swaps.named() && precision.quantization() != Quantization.NONE) {
      throw new UsageException(
          "--quantization rounds the model that is read, not what --swap-dir swaps in; leave one of"
              + " them out");
    }
    Checkpoint checkpoint = folder.checkpoint();
    Config config = files.in(folder.config(checkpoint), checkpoint.folder());
    Experiment experiment = Experiment.read(config, plugins.registry(), Installation.dataRoots());
    folder.warnUnread(spec, "optimizer");
    List<ValidationSet> sets =
        experiment
            .data()
            .validation(
                Installation.dataRoots(), new TokenizingProgress(spec.commandLine().getErr()));
    Tokenizer tokenizer = experiment.data().tokenizer(Installation.dataRoots());
    Device device = deviceArgument.device();
    Placement placement = new Placement(device, precision.on(device));
    try (Model model = folder.load(checkpoint, config, plugins, placement)) {
      NotFiniteException.checkWeights(model);
      precision.quantization().round(model);
      Evaluator plain = new Evaluator(model, tokenizer, sets, experiment.trainer().batchSize());
      if (!plain.possible()) {
        throw new UsageException("nothing is held out; --set data.validation-fraction=0.05");
      }
      Result result =
          swaps.during(
              model,
              config,
              plugins,
              spec,
              swapper ->
                  measure(
                      swapper.map(plain::swapping).orElse(plain), experiment.trainer().graph()));
      for (Score score : result.scores()) {
        NotFiniteException.check(placement, "the loss", score.loss());
      }
      if (json) {
        spec.commandLine().getOut().println(Json.line(line(result)));
      } else {
        result.scores().forEach(score -> print(checkpoint, score));
        result.observations().forEach(this::print);
      }
    }
    return 0;
  }

  /** Every set stands by its name in {@code sets}; one alone in the object itself as well. */
  private Map<String, Object> line(Result result) {
    Map<String, Object> sets = new LinkedHashMap<>();
    result.scores().forEach(score -> sets.put(score.set(), values(score)));
    Map<String, Object> line = new LinkedHashMap<>();
    if (sets.size() == 1) {
      line.putAll(values(result.scores().get(0)));
    }
    line.put("sets", sets);
    if (observe) {
      Map<String, Object> values = new LinkedHashMap<>();
      result.observations().forEach((name, each) -> values.put(name, each.values()));
      line.put("observations", values);
    }
    return line;
  }

  private static Map<String, Object> values(Score score) {
    Map<String, Object> values = new LinkedHashMap<>();
    values.put("loss", score.loss());
    values.put("bits_per_byte", score.bitsPerByte());
    values.put("perplexity", Math.exp(score.loss()));
    values.put("tokens", score.tokens());
    values.put("bytes", score.bytes());
    return values;
  }

  private void print(Checkpoint checkpoint, Score score) {
    spec.commandLine()
        .getOut()
        .printf(
            "%s: %s: loss %.4f nats per token, %.4f bits per byte, perplexity %.2f, %s,"
                + " %s, %,d of %,d windows%n",
            checkpoint.folder(),
            score.set(),
            score.loss(),
            score.bitsPerByte(),
            Math.exp(score.loss()),
            Messages.count(score.tokens(), "token"),
            Messages.count(score.bytes(), "byte"),
            score.windows(),
            score.of());
  }

  private record Result(List<Score> scores, Map<String, Observation> observations) {}

  private Result measure(Evaluator issuing, GraphMode graph) {
    boolean terminal = Boolean.getBoolean("hydra.terminal");
    try (ProgressDisplay display = new ProgressDisplay(spec.commandLine().getErr(), terminal, 0)) {
      Evaluator evaluator = issuing.capturing(() -> graph == GraphMode.AUTO, display::warned);
      List<Score> scores =
          files.inOrder(evaluator.score(windows, () -> false, display::evaluating));
      return new Result(
          scores, observe ? evaluator.observe(windows, display::evaluating) : Map.of());
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
