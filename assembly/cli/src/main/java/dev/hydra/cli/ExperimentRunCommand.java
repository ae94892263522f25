package dev.hydra.cli;

import com.typesafe.config.Config;
import dev.hydra.api.PluginRegistry;
import dev.hydra.bench.Throughput;
import dev.hydra.cli.common.Installation;
import dev.hydra.cli.common.UsageException;
import dev.hydra.cli.experiment.GpuUse;
import dev.hydra.cli.experiment.SizesReport;
import dev.hydra.cli.experiment.Speed;
import dev.hydra.cli.experiment.StudyReport;
import dev.hydra.cli.experiment.ThroughputReport;
import dev.hydra.cli.experiment.Workers;
import dev.hydra.composer.config.ConfigFiles;
import dev.hydra.composer.config.QuickPart;
import dev.hydra.composer.model.Components;
import dev.hydra.experiments.ModelOutcome;
import dev.hydra.experiments.ModelSize;
import dev.hydra.experiments.Study;
import dev.hydra.experiments.StudyListener;
import dev.hydra.experiments.StudyRun;
import dev.hydra.experiments.Trial;
import dev.hydra.experiments.TrialCache;
import dev.hydra.experiments.TrialResult;
import dev.hydra.experiments.Work;
import dev.hydra.libtorch.runtime.OutOfMemory;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Carries out an experiment. */
@Command(
    name = "run",
    description = {
      "Trains every model of an experiment on every task, at every learning rate, and tests it.",
      "Ctrl-C ends with exit code 130; the same command again goes on, as trainings that are"
          + " complete are kept. Started several times at once, it shares the work; --parallel"
          + " starts it so."
    },
    mixinStandardHelpOptions = true)
@SuppressWarnings("NullAway.Init") // fields are set by picocli
final class ExperimentRunCommand implements Callable<Integer>, LessMemory {
  /** Where experiments lie in the installation's folder of configurations. */
  static final String FOLDER = "claims/";

  private static final int INTERRUPTED = 130;

  private final Components components;
  private final PluginRegistry plugins;

  @Spec private CommandSpec spec;
  @Mixin private DeviceArgument deviceArgument;
  @Mixin private ReportOutput output;

  @Parameters(
      index = "0",
      paramLabel = "NAME",
      description = "An experiment of `hydra experiment list`, or the file of one.")
  private String name;

  @Option(
      names = "--seeds",
      paramLabel = "N",
      description = "How often each model is trained at its best learning rate.")
  private @Nullable Integer seeds;

  @Option(
      names = "--quick",
      description = "What the file has for it: smaller, for a few minutes on two cores.")
  private boolean quick;

  @Option(
      names = "--dry-run",
      description =
          "Checks everything, --results too, and prints the sizes of models; trains nothing and"
              + " leaves nothing behind.")
  private boolean dryRun;

  @Option(
      names = "--set",
      paramLabel = "KEY=VALUE",
      description = "Overrides a value, such as experiment.steps=100. May be given several times.")
  private List<String> overrides = List.of();

  @Option(
      names = "--results",
      paramLabel = "DIR",
      description = "Where results of trainings are kept (default: ${DEFAULT-VALUE}).")
  private Path results = Path.of("runs", "experiments");

  @Option(
      names = "--parallel",
      paramLabel = "N",
      description =
          "How many processes train at once (default: ${DEFAULT-VALUE}). Small models fill neither"
              + " a GPU nor the cores; each process takes memory of its own.")
  private int parallel = 1;

  @Option(names = Workers.OPTION, hidden = true, description = "Shares the work, prints no table.")
  private boolean worker;

  private @Nullable Trial training;

  ExperimentRunCommand(Components components, PluginRegistry plugins) {
    this.components = components;
    this.plugins = plugins;
  }

  @Override
  public String lessMemory(OutOfMemory refused) {
    return (training == null ? "" : "It was training " + training + ". ")
        + "Less is taken with a smaller experiment.batch-size (--set experiment.batch-size=N), "
        + (worker || parallel > 1 ? "fewer processes at once (--parallel), " : "")
        + "or --set experiment.precision=bf16; what has been trained is kept, and the same command"
        + " goes on from there.";
  }

  @Override
  public Integer call() throws IOException {
    if (seeds != null && seeds < 1) {
      throw new UsageException("--seeds must be at least 1");
    }
    if (parallel < 1) {
      throw new UsageException("--parallel must be at least 1");
    }
    output.check();
    Path file = file();
    Config config = Installation.withAbsoluteData(ConfigFiles.load(file, overrides), file);
    if (Throughput.is(config)) {
      return timed(file, config);
    }
    Study read = read(config, overrides, quick);
    TrialCache cache = new TrialCache(results);
    cache.check("--results");
    Study study = seeds == null ? read : read.withSeeds(seeds);
    List<ModelSize> sizes = study.sizes().check(study, components); // before anything is started
    if (!quick) {
      QuickPart.check(
          file,
          written -> {
            Study small = read(written, List.of(), true);
            small.sizes().check(small, components);
          });
    }
    Device device = deviceArgument.device();
    if (dryRun) {
      return sizes(SizesReport.of(shown(file), device.str().getString(), study, sizes));
    }
    return trained(file, study, cache, device);
  }

  private Study read(Config config, List<String> given, boolean small) {
    return Study.read(config, given, plugins, Installation.dataRoots(), small);
  }

  /** All is said while the interrupt is held: once it is closed, the process may end at once. */
  private int trained(Path file, Study study, TrialCache cache, Device device) throws IOException {
    PrintWriter out = spec.commandLine().getOut();
    String deviceName = device.str().getString();
    StudyRun run = new StudyRun(study, components, device, cache, new Progress());
    long start = System.nanoTime();
    try (Interrupt interrupt = interrupt("ending after this step");
        GpuUse gpu = GpuUse.begin(worker ? "" : deviceName)) {
      Work work = parallel > 1 ? shared(interrupt) : Work.NONE;
      Optional<List<ModelOutcome>> outcomes = run.run(interrupt::requested);
      Speed speed =
          new Speed(work.plus(run.work()), (System.nanoTime() - start) / 1e9, parallel, gpu.busy());
      interrupt.safe();
      if (outcomes.isEmpty()) {
        spec.commandLine().getErr().println("interrupted; the same command goes on from here");
        return INTERRUPTED;
      }
      if (worker) {
        out.println(Workers.line(run.work()));
        out.flush();
        return 0;
      }
      output.write(new StudyReport(shown(file), deviceName, study, outcomes.get(), speed), out);
      return 0;
    }
  }

  private Interrupt interrupt(String ending) {
    return new Interrupt(spec.commandLine().getErr()::println, ending);
  }

  private int sizes(SizesReport report) throws IOException {
    output.write(report, spec.commandLine().getOut());
    return 0;
  }

  private String shown(Path file) {
    return String.valueOf(file.getFileName()).replaceFirst("\\.conf$", "")
        + (quick ? " (quick)" : "");
  }

  private ThroughputExperiment timing(Config config, List<String> given, boolean small) {
    return new ThroughputExperiment(
        config, given, components, plugins, small, spec.commandLine().getErr());
  }

  /** Times models; nothing of it is kept, as it says something about this machine now. */
  private int timed(Path file, Config config) throws IOException {
    if (parallel > 1 || seeds != null) {
      throw new UsageException(
          file + " times models, one after the other: leave --parallel and --seeds out");
    }
    ThroughputExperiment experiment = timing(config, overrides, quick);
    if (!quick) {
      QuickPart.check(file, written -> timing(written, List.of(), true));
    }
    Device device = deviceArgument.device();
    if (dryRun) {
      return sizes(experiment.sizes(shown(file), device));
    }
    try (Interrupt interrupt = interrupt("ending after what is being timed")) {
      Optional<ThroughputReport> report = experiment.run(shown(file), device, interrupt);
      interrupt.safe();
      if (report.isEmpty()) {
        spec.commandLine().getErr().println("interrupted");
        return INTERRUPTED;
      }
      output.write(report.get(), spec.commandLine().getOut());
      return 0;
    }
  }

  /** Trains in several processes; what they leave is found where this one looks. */
  private Work shared(Interrupt interrupt) throws IOException {
    Path script =
        Installation.home()
            .map(home -> home.resolve("bin").resolve("hydra"))
            .filter(Files::isExecutable)
            .orElseThrow(
                () -> new UsageException("--parallel needs an installation, with its bin/hydra"));
    List<String> arguments = spec.root().commandLine().getParseResult().originalArgs();
    torch.set_num_threads(Workers.threads(parallel)); // what is known on a CPU depends on it
    try (Workers workers = new Workers(script, arguments, parallel)) {
      return workers.await(interrupt::requested);
    }
  }

  private Path otherwise() {
    try {
      return Installation.findConfig(name);
    } catch (UsageException e) {
      throw new UsageException(
          e.getMessage() + "; hydra experiment list names those that come along");
    }
  }

  private Path file() {
    try {
      return Installation.findConfig(FOLDER + name);
    } catch (UsageException e) {
      return otherwise();
    }
  }

  /** Says which training is done, and what came out. */
  private final class Progress implements StudyListener {
    private final PrintWriter err = spec.commandLine().getErr();

    @Override
    public void began(Trial trial) {
      training = trial;
    }

    @Override
    public void ended(Trial trial, TrialResult result, boolean cached, int number, int of) {
      if (cached && (worker || parallel > 1)) {
        return; // whoever made it has said so
      }
      err.println(
          String.format(
              Locale.ROOT,
              "%d/%d  %s: validation %.3f after %,d steps, %s%s",
              number,
              of,
              trial,
              result.validation(),
              result.steps(),
              cached ? "known" : String.format(Locale.ROOT, "%.1f s", result.seconds()),
              result.finished() ? "" : ", diverged"));
    }

    @Override
    public void warned(String message) {
      err.println("warning: " + message);
    }
  }
}
