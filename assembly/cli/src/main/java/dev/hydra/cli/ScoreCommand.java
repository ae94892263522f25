package dev.hydra.cli;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import dev.hydra.cli.common.Json;
import dev.hydra.cli.common.Terminal;
import dev.hydra.cli.common.UsageException;
import dev.hydra.cli.plugins.PluginJars;
import dev.hydra.composer.config.ConfigFiles;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.Placement;
import dev.hydra.inference.NotFiniteException;
import dev.hydra.inference.SequenceScorer;
import dev.hydra.libtorch.graphs.GraphMode;
import dev.hydra.libtorch.runtime.DeviceStart;
import dev.hydra.libtorch.runtime.OutOfMemory;
import dev.hydra.trainer.run.Checkpoint;
import dev.hydra.trainer.run.TrainerSettings;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.Arrays;
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

/** Says how likely a model finds given tokens. */
@Command(
    name = "score",
    description = {
      "Scores sequences of token ids: the log-probability of every token but the first, given"
          + " those before it, in nats.",
      "loss is the mean negative log-probability over the tokens of all sequences."
    },
    mixinStandardHelpOptions = true)
@SuppressWarnings("NullAway.Init") // fields are set by picocli
final class ScoreCommand implements Callable<Integer>, LessMemory {
  /** What an imported model lacks, and what does not matter here. */
  private static final String STEPS = "trainer.steps = 1";

  private final PluginJars plugins;

  @Spec private CommandSpec spec;
  @Mixin private ModelFolder folder;
  @Mixin private DeviceArgument deviceArgument;
  @Mixin private PrecisionArgument precision;

  @Option(
      names = "--tokens",
      required = true,
      paramLabel = "[[ID,...],...]|FILE|-",
      description =
          "What to score: a JSON array of arrays of token ids, a file with one, or - for standard"
              + " input.")
  private String tokens;

  @Option(
      names = StateTypeArgument.NAME,
      paramLabel = StateTypeArgument.LABEL,
      description =
          "Decodes the sequences token by token, as texts are continued, with states of state"
              + " spaces and of the delta rule kept in this type in between (default: sequences are"
              + " computed as a whole, in which no state is kept).")
  private StateTypeArgument.@Nullable StateType states;

  @Option(
      names = "--json",
      description = "One JSON object: loss, and logprobs, an array for each sequence.")
  private boolean json;

  ScoreCommand(PluginJars plugins) {
    this.plugins = plugins;
  }

  @Override
  public String lessMemory(OutOfMemory refused) {
    return "Less is taken with " + precision.less() + "sequences that are scored in parts.";
  }

  @Override
  public Integer call() throws IOException {
    TokensArgument given = TokensArgument.read(tokens);
    int[][] sequences = sequences(given);
    try (DeviceStart starting = deviceArgument.begin()) {
      return score(given.named(), sequences);
    }
  }

  /** Reads all that needs no LibTorch first, as the device is being started. */
  private int score(String named, int[][] sequences) throws IOException {
    Checkpoint checkpoint = folder.checkpoint();
    Config config = folder.config(checkpoint);
    folder.warnUnread(spec, "optimizer");
    Device device = deviceArgument.device();
    GraphMode graph = graph(config);
    PrintWriter out = spec.commandLine().getOut();
    try (Model model = folder.load(checkpoint, config, plugins, placement(device))) {
      NotFiniteException.checkWeights(model);
      if (!StateTypeArgument.recurrent(model)) {
        NoEffect.warn(
            spec,
            StateTypeArgument.NAME,
            "the model" + StateTypeArgument.NONE + "; tokens are decoded one by one all the same");
      }
      precision.quantization().round(model);
      List<double[]> scores = scores(model, graph, named, sequences);
      double loss = -scores.stream().flatMapToDouble(Arrays::stream).average().orElseThrow();
      if (json) {
        Map<String, Object> line = new LinkedHashMap<>();
        line.put("loss", loss);
        line.put("logprobs", scores);
        out.println(Json.line(line));
        return 0;
      }
      out.println("sequence  tokens      loss");
      for (int i = 0; i < sequences.length; i++) {
        double mean = -Arrays.stream(scores.get(i)).average().orElse(Double.NaN);
        out.printf("%8d  %6d  %8.5f%n", i, sequences[i].length, mean);
      }
      out.printf("loss %.6f nats per token, perplexity %.4f%n", loss, Math.exp(loss));
    }
    return 0;
  }

  private Placement placement(Device device) {
    ScalarType compute = precision.on(device);
    return states == null
        ? new Placement(device, compute)
        : new Placement(device, compute, states.type());
  }

  private static GraphMode graph(Config config) {
    Config all = config.withFallback(ConfigFactory.parseString(STEPS));
    return TrainerSettings.read(ConfigFiles.part(all, "trainer")).graph();
  }

  private List<double[]> scores(Model model, GraphMode graph, String named, int[][] sequences) {
    Terminal screen = spec.commandLine().getErr()::println;
    List<double[]> scores = new ArrayList<>();
    try (SequenceScorer scorer =
        states == null
            ? new SequenceScorer(model, graph, screen::warned)
            : SequenceScorer.decoding(model)) {
      for (int i = 0; i < sequences.length; i++) {
        scores.add(score(scorer, sequences[i], named + ", sequence " + i));
      }
    }
    return scores;
  }

  private static double[] score(SequenceScorer scorer, int[] sequence, String named) {
    try {
      return scorer.logProbabilities(sequence);
    } catch (IllegalArgumentException e) {
      throw new UsageException(named + ": " + e.getMessage());
    }
  }

  private static int[][] sequences(TokensArgument given) {
    int[][] sequences = TokenIds.rows(given.named(), given.json());
    if (Arrays.stream(sequences).noneMatch(sequence -> sequence.length > 1)) {
      throw new UsageException(
          given.named() + " has nothing to score: a sequence needs at least two tokens");
    }
    return sequences;
  }
}
