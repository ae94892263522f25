package dev.hydra.cli;

import com.typesafe.config.Config;
import dev.hydra.api.Messages;
import dev.hydra.cli.common.Installation;
import dev.hydra.cli.common.UsageException;
import dev.hydra.cli.plugins.PluginJars;
import dev.hydra.cli.plugins.RunPlugins;
import dev.hydra.cli.swap.SwapChannel;
import dev.hydra.composer.config.ConfigFiles;
import dev.hydra.composer.model.Components;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.Parameter;
import dev.hydra.composer.swap.SwapRequest.UnexpectedKeys;
import dev.hydra.data.Dataset;
import dev.hydra.data.StreamingDecoder;
import dev.hydra.data.Tokenizer;
import dev.hydra.inference.GenerationSettings;
import dev.hydra.inference.Request;
import dev.hydra.inference.Sampling;
import dev.hydra.inference.TextGenerator;
import dev.hydra.libtorch.runtime.OutOfMemory;
import dev.hydra.trainer.evaluation.Score;
import dev.hydra.trainer.run.Checkpoint;
import dev.hydra.trainer.run.Experiment;
import dev.hydra.trainer.run.RunFolder;
import dev.hydra.trainer.run.RunLock;
import dev.hydra.trainer.run.Trainer;
import dev.hydra.trainer.run.TrainerSettings;
import dev.hydra.trainer.run.TrainingException;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.function.BooleanSupplier;
import org.bytedeco.pytorch.Device;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Trains a model. */
@Command(
    name = "train",
    description = {
      "Trains the model that a configuration describes.",
      "Ctrl-C ends after the forward that is computed, writes a checkpoint of the last step and"
          + " ends with exit code 130; --resume goes on from there. A second Ctrl-C ends at once.",
      "SIGUSR1 writes a checkpoint, and training goes on."
    },
    mixinStandardHelpOptions = true)
@SuppressWarnings("NullAway.Init") // fields are set by picocli
final class TrainCommand implements Callable<Integer>, ErrorLog.Folder, LessMemory {
  private static final int INTERRUPTED = 130;
  private static final double SAMPLE_TEMPERATURE = 0.8;

  private final PluginJars plugins;

  @Spec private CommandSpec spec;
  @Mixin private DeviceArgument deviceArgument;

  @Parameters(
      index = "0",
      arity = "0..1",
      paramLabel = "CONF",
      description =
          "A configuration file, the name of one that comes with the installation, such as"
              + " quickstart, or the folder of a model, whose weights it begins with. With --resume"
              + " it may be left out.")
  private @Nullable String name;

  @Option(
      names = "--set",
      paramLabel = "KEY=VALUE",
      description = "Overrides a value, such as trainer.steps=100. May be given several times.")
  private List<String> overrides = List.of();

  @Option(
      names = "--run-dir",
      paramLabel = "DIR",
      description =
          "Where everything is written (default: runs/NAME-TIME, with -2 and so on after it if"
              + " another run has that).")
  private @Nullable Path runDir;

  @Option(
      names = "--init-from",
      paramLabel = "DIR",
      description =
          "Begins with the weights of an imported model, a run folder or a checkpoint. What CONF"
              + " leaves out of model, generation and data.tokenizer is as it is there.")
  private @Nullable Path initFrom;

  @Option(names = "--resume", description = "Goes on from the newest checkpoint in --run-dir.")
  private boolean resume;

  @Option(
      names = "--policy",
      paramLabel = "error|drop|keep",
      description =
          "With --resume, what becomes of parameters that another version of a plugin does not ask"
              + " for: the run does not go on, they go, or they stay in checkpoints without use"
              + " (default: error).")
  private UnexpectedKeys policy = UnexpectedKeys.ERROR;

  private @Nullable Path errors;

  TrainCommand(PluginJars plugins) {
    this.plugins = plugins;
  }

  @Override
  public String lessMemory(OutOfMemory refused) {
    return "Less is taken with " + TrainerSettings.LESS_MEMORY + ".";
  }

  @Override
  public Integer call() throws IOException {
    checkUse();
    try (CheckpointSignal signal =
        new CheckpointSignal(problem -> spec.commandLine().getErr().println("hydra: " + problem))) {
      return train(signal);
    }
  }

  private int train(CheckpointSignal signal) throws IOException {
    TrainingConfig found =
        name == null && runDir != null
            ? new TrainingConfig(new RunFolder(runDir).resumeConfig(), Optional.empty())
            : resume
                ? new TrainingConfig(
                    Installation.findConfig(String.valueOf(name)), Optional.empty())
                : TrainingConfig.find(String.valueOf(name));
    Path file = found.file();
    Config read = Installation.withAbsoluteData(ConfigFiles.load(file, overrides), file);
    Optional<InitialModel> initial =
        resume ? Optional.empty() : InitialModel.of(read, file, initFrom, found.weights());
    Config carried = resume && runDir != null ? CarriedTokenizer.in(read, runDir) : read;
    Config config = initial.isPresent() ? initial.get().complete(carried) : carried;
    Experiment experiment = Experiment.read(config, plugins.registry(), Installation.dataRoots());
    List<Dataset> datasets =
        experiment.open(
            Installation.dataRoots(), new TokenizingProgress(spec.commandLine().getErr()));
    Training training =
        new Training(file, config, initial, experiment, datasets, deviceArgument.device());
    ProgressDisplay display = display(spec.commandLine().getErr(), experiment);
    try (display;
        Interrupt interrupt = new Interrupt(display::say, "ending when the model is built");
        NewRunFolder begun =
            runDir == null
                ? NewRunFolder.in(Path.of("runs"), defaultName())
                : NewRunFolder.at(runDir)) {
      return train(training, begun, display, signal, interrupt);
    }
  }

  /** What is known before there is a run. */
  private record Training(
      Path file,
      Config config,
      Optional<InitialModel> initial,
      Experiment experiment,
      List<Dataset> datasets,
      Device device) {}

  private int train(
      Training training,
      NewRunFolder begun,
      ProgressDisplay display,
      CheckpointSignal signal,
      Interrupt interrupt)
      throws IOException {
    PrintWriter screen = spec.commandLine().getErr();
    Experiment experiment = training.experiment();
    List<Dataset> datasets = training.datasets();
    Config config = training.config();
    Optional<InitialModel> initial = training.initial();
    RunFolder folder = begun.folder();
    RunPlugins store = RunPlugins.of(folder.path(), config);
    SwapChannel swaps = new SwapChannel(folder, plugins, store, display); // opens when it starts
    try (Trainer trainer =
        new Trainer(
            experiment,
            datasets,
            components(folder, config),
            training.device(),
            folder,
            display,
            swaps)) {
      errors = folder.path();
      OptionalLong resumed =
          resume ? OptionalLong.of(trainer.resume(policy)) : OptionalLong.empty();
      announce(
          screen,
          training.file(),
          trainer.model(),
          datasets.get(0),
          folder); // only what is not refused
      trainer.adapters().ifPresent(screen::println);
      if (initial.isPresent()) {
        Tokenizer tokenizer = datasets.get(0).tokenizer();
        initial.get().keepFiles(folder, tokenizer, plugins.registry());
        screen.println(initial.get().report());
        initial.get().otherTokenizer(tokenizer, plugins.registry()).ifPresent(trainer::warn);
      }
      resumed.ifPresent(step -> screen.println("resuming after step " + step));
      signal.asksFor(trainer::requestCheckpoint);
      interrupt.ending(
          () ->
              trainer.hasStep()
                  ? "ending with a checkpoint after this forward"
                  : "ending after this forward; there is no step to keep yet");
      Trainer.Outcome outcome;
      try (swaps) {
        outcome = trainer.run(interrupt::requested);
      }
      interrupt.safe();
      if (outcome.interrupted()) {
        if (outcome.step() == 0) {
          begun.nothingCameOfIt();
        }
        display.say(
            outcome.step() == 0
                ? "interrupted before the first step: there is nothing to go on with"
                : "interrupted after step "
                    + outcome.step()
                    + "; go on with: hydra train --resume --run-dir "
                    + Messages.argument(folder.path()));
        return INTERRUPTED;
      }
      summarise(
          experiment,
          datasets.get(0).tokenizer(),
          trainer.model(),
          outcome,
          folder,
          interrupt::requested);
    } catch (TrainingException e) {
      if (e.step() == 0) {
        begun.nothingCameOfIt();
      }
      throw e;
    }
    return 0;
  }

  /** The run folder, once there is one. */
  @Override
  public @Nullable Path errors() {
    return errors;
  }

  /** What the model is built from: a run that goes on has the plugins that it was swapped to. */
  private Components components(RunFolder folder, Config config) throws IOException {
    Optional<Checkpoint> newest = resume ? folder.latestIntact(damaged -> {}) : Optional.empty();
    return newest.isPresent()
        ? ModelFolder.components(newest.get(), config, plugins)
        : plugins.components(Map.of());
  }

  private static ProgressDisplay display(PrintWriter screen, Experiment experiment) {
    return new ProgressDisplay(
        screen,
        Boolean.getBoolean("hydra.terminal"),
        experiment.trainer().tokensPerStep(experiment.data().sequenceLength()));
  }

  private void checkUse() throws IOException {
    if (resume && runDir == null) {
      throw new UsageException("--resume needs --run-dir, the folder of the run to go on with");
    }
    if (resume && initFrom != null) {
      throw new UsageException(
          "--resume goes on from a checkpoint, --init-from begins anew: give one of them");
    }
    if (name == null && !resume) {
      throw new UsageException("name a configuration, such as: hydra train quickstart");
    }
    if (runDir == null) {
      return;
    }
    boolean used = new RunFolder(runDir).used();
    if (resume && !used) {
      RunLock.check(runDir); // it may be in its first steps
      throw new UsageException("there is no run in " + runDir + " to resume");
    }
    if (!resume && used) {
      throw new UsageException(
          runDir + " holds a run already; add --resume, or choose another --run-dir");
    }
  }

  private String defaultName() {
    String config = String.valueOf(Path.of(String.valueOf(name)).getFileName());
    String time =
        LocalDateTime.now(ZoneId.systemDefault())
            .format(DateTimeFormatter.ofPattern("yyyyMMdd-HHmmss"));
    return config.replaceFirst("\\.conf$", "") + "-" + time;
  }

  private static void announce(
      PrintWriter screen, Path file, Model model, Dataset dataset, RunFolder folder) {
    long parameters =
        model.parameters().all().stream()
            .map(Parameter::spec)
            .mapToLong(parameter -> parameter.elements())
            .sum();
    screen.printf(
        "%s: %s, %s on %s%n",
        file,
        Messages.count(parameters, "parameter"),
        model.placement().compute().name().toLowerCase(java.util.Locale.ROOT),
        model.placement().device().str().getString());
    screen.printf(
        "text: %s, %s; run folder: %s%n",
        Messages.count(dataset.size(), "token"),
        Messages.count(dataset.train().samplesPerEpoch(), "training window"),
        folder.path());
  }

  private void summarise(
      Experiment experiment,
      Tokenizer tokenizer,
      Model model,
      Trainer.Outcome outcome,
      RunFolder folder,
      BooleanSupplier stop) {
    PrintWriter out = spec.commandLine().getOut();
    for (Score score : outcome.scores()) {
      String set = outcome.scores().size() == 1 ? "" : " " + score.set();
      out.println("validation" + set + ": " + validation(score, folder));
    }
    String prompt = experiment.trainer().samplePrompt();
    if (!prompt.isEmpty()) {
      out.println("sample: " + prompt + sample(experiment, tokenizer, model, prompt, stop));
    }
    out.println("written to " + folder.path().toAbsolutePath().normalize());
    out.println(
        "more text: hydra generate --model "
            + Messages.argument(folder.path())
            + " --prompt \"...\"");
  }

  private static String validation(Score score, RunFolder folder) {
    String bits = String.format("%.4f bits per byte on ", score.bitsPerByte());
    return score.whole()
        ? bits + Messages.count(score.bytes(), "held-out byte")
        : bits
            + String.format(
                "%,d held-out bytes, %,d of %,d windows (all: hydra eval --model %s)",
                score.bytes(), score.windows(), score.of(), Messages.argument(folder.path()));
  }

  private static String sample(
      Experiment experiment,
      Tokenizer tokenizer,
      Model model,
      String prompt,
      BooleanSupplier stop) {
    StreamingDecoder decoder = tokenizer.streamingDecoder();
    StringBuilder text = new StringBuilder();
    Request request =
        new Request(
            tokenizer.encodePrompt(prompt),
            experiment.trainer().sampleTokens(),
            new Sampling(SAMPLE_TEMPERATURE, 0, 1, experiment.trainer().seed()),
            Set.of());
    new TextGenerator(model, tokenizer.vocabSize(), GenerationSettings.NONE)
        .generate(
            request,
            stop,
            token -> {
              text.append(decoder.next(token));
              return true;
            });
    return text.append(decoder.finish()).toString();
  }
}
