package dev.hydra.trainer.run;

import dev.hydra.api.PluginId;
import dev.hydra.composer.config.ConfigFiles;
import dev.hydra.composer.model.Components;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.Parameter;
import dev.hydra.composer.model.Placement;
import dev.hydra.composer.spec.SitePath;
import dev.hydra.composer.spec.SpecConfig;
import dev.hydra.composer.swap.SwapReport;
import dev.hydra.composer.swap.SwapRequest.UnexpectedKeys;
import dev.hydra.composer.swap.Swapper;
import dev.hydra.data.Dataset;
import dev.hydra.data.TokenizerFiles;
import dev.hydra.libtorch.io.DurableFiles;
import dev.hydra.libtorch.kernels.KernelMode;
import dev.hydra.libtorch.runtime.ComputeType;
import dev.hydra.libtorch.runtime.RandomState;
import dev.hydra.optim.LearningRate;
import dev.hydra.trainer.evaluation.Evaluator;
import dev.hydra.trainer.evaluation.Score;
import dev.hydra.trainer.metrics.ModelCosts;
import dev.hydra.trainer.metrics.TrainingClock;
import dev.hydra.trainer.step.StepMetrics;
import dev.hydra.trainer.step.TrainingStep;
import dev.hydra.trainer.swap.Swaps;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.BooleanSupplier;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;

/** A training run from its first step, or from a checkpoint, to its last. */
public final class Trainer implements AutoCloseable {
  /** The name of the held-out text in the metrics. */
  private static final String HELD_OUT = "held-out";

  private final Experiment experiment;
  private final TrainerSettings settings;
  private final Dataset dataset;
  private final RunFolder folder;
  private final TrainingListener listener;
  private final Model model;
  private final TrainingStep training;
  private final Checkpoints checkpoints;
  private final Evaluator evaluator;
  private final LearningRate learningRates;
  private final RunLog log;
  private final TrainingClock clock = new TrainingClock();
  private final ModelCosts costs;
  private final RunLock lock;
  private final Swaps swaps;
  private final KernelMode.Setting kernels;
  private final String text;
  private long step;
  private long savedStep = -1;
  private volatile boolean checkpointRequested;

  /** The outcome of a run. */
  public record Outcome(boolean interrupted, long step, Optional<Score> score) {}

  /**
   * Builds the model and opens the run folder.
   *
   * @param listeners hear what happens, each event in their order
   * @throws dev.hydra.api.ConfigException if a component's configuration is wrong
   * @throws IOException if the run folder cannot be written to, or another run is using it
   */
  public Trainer(
      Experiment experiment,
      Dataset dataset,
      Components components,
      Device device,
      RunFolder folder,
      TrainingListener... listeners)
      throws IOException {
    this.experiment = experiment;
    this.settings = experiment.trainer();
    this.dataset = dataset;
    this.folder = folder;
    this.listener = new Listeners(List.of(listeners));
    this.learningRates = experiment.optimizer().learningRate(settings.steps());
    text = dataset.corpus().fingerprint();
    folder.create();
    lock = RunLock.take(folder.path());
    TokenizerFiles.copy(dataset.tokenizer(), folder.tokenizer());
    log = new RunLog(folder, clock, listener);
    RandomState.seed(settings.seed());
    Placement precision = new Placement(device, ComputeType.choose(settings.precision(), device));
    kernels = settings.kernels().set();
    Optional<Model> built = Optional.empty();
    try {
      model = Model.build(experiment.model(), components, precision, settings.seed());
      built = Optional.of(model);
      training =
          new TrainingStep(
              model, experiment.optimizer(), settings.recompute(), settings.graph(), this::warn);
    } catch (RuntimeException | Error e) {
      built.ifPresent(Model::close);
      kernels.close();
      lock.close();
      throw e;
    }
    costs = new ModelCosts(model);
    evaluator = new Evaluator(model, dataset, settings.batchSize());
    checkpoints = new Checkpoints(folder, this::config, model, training);
    swaps = new Swaps(model, training, dataset.train(), settings.guard(), this::swapped);
  }

  /** Returns the model that is trained. */
  public Model model() {
    return model;
  }

  /** Returns the swapper of its components while it runs; not to be closed. */
  public Swapper swapper() {
    return swaps.swapper();
  }

  /** Asks for a checkpoint after the step that is being taken; from any thread. */
  public void requestCheckpoint() {
    checkpointRequested = true;
  }

  /** Returns the optimizer state; see {@link dev.hydra.optim.Optimizer#exportState}. */
  Map<String, Tensor> optimizerState() {
    return training.optimizer().exportState();
  }

  /** Returns the configuration that builds the model as it is now. */
  private String config() {
    boolean changed = !model.spec().equals(experiment.model());
    return ConfigFiles.render(
        changed ? SpecConfig.write(model.spec(), experiment.config()) : experiment.config());
  }

  /**
   * Continues from the latest intact checkpoint of the run folder.
   *
   * @param policy what becomes of parameters that another version of a plugin does not ask for
   * @throws IOException if there is none, or it does not fit the configuration
   */
  public long resume(UnexpectedKeys policy) throws IOException {
    Checkpoint checkpoint =
        folder
            .latestIntact(damaged -> warn(damaged + "; the checkpoint before it is used"))
            .orElseThrow(
                () ->
                    new IOException(
                        "there is no intact checkpoint in " + folder.path() + " to resume from"));
    TrainerState state = checkpoint.state();
    ResumeChanges changes = ResumeChanges.since(checkpoint, state, folder, experiment.config());
    changes.refuseFewer(settings.steps());
    SwapReport.Parameters parameters = restore(checkpoint, state, policy);
    step = state.step();
    savedStep = step;
    folder.setAsideAfter(step);
    dataset.train().seek(state.samples());
    Map<String, String> other = otherVersions(state.sites());
    if (!other.isEmpty()) {
      warn("the checkpoint was made with other plugins: " + other);
    }
    String compute = compute();
    if (!state.compute().equals(compute)) {
      warn("the checkpoint was computed in " + state.compute() + ", this run is in " + compute);
    }
    changes.all(text, settings.steps(), nextRate()).forEach(this::warn);
    log.event(
        "resume",
        step,
        "sites",
        other,
        "migrated",
        parameters.migrated(),
        "initialised",
        parameters.initialised(),
        "dropped",
        parameters.dropped(),
        "kept",
        parameters.kept());
    return step;
  }

  private SwapReport.Parameters restore(
      Checkpoint checkpoint, TrainerState state, UnexpectedKeys policy) throws IOException {
    try {
      return checkpoints.restore(checkpoint, state, policy);
    } catch (IOException e) {
      throw checkpoint.unfit(experiment.config(), e);
    }
  }

  /** The learning rate of the next step; after the last step its own. */
  private double nextRate() {
    return learningRates.at(Math.min(step, settings.steps() - 1L));
  }

  /**
   * Returns the sites whose plugin is not that of a checkpoint, with the one of the checkpoint and
   * its own.
   */
  private Map<String, String> otherVersions(Map<SitePath, PluginId> saved) {
    Map<String, String> other = new LinkedHashMap<>();
    sites()
        .forEach(
            (site, plugin) -> {
              if (!plugin.equals(saved.get(site))) {
                other.put(site.text(), saved.get(site) + " -> " + plugin);
              }
            });
    return other;
  }

  /** Returns all plugins that the run uses, sorted. */
  private List<PluginId> plugins() {
    Set<PluginId> all = new TreeSet<>(model.plugins());
    experiment.plugins().forEach(each -> all.add(each.plugin()));
    return List.copyOf(all);
  }

  private Map<SitePath, PluginId> sites() {
    Map<SitePath, PluginId> sites = new LinkedHashMap<>();
    swapper().list().forEach((site, version) -> sites.put(site, version.plugin()));
    return sites;
  }

  private static List<String> texts(List<PluginId> plugins) {
    return plugins.stream().map(PluginId::toString).toList();
  }

  private String compute() {
    return model.placement().compute().name();
  }

  /**
   * Trains to the last step, or until asked to stop; then writes a checkpoint.
   *
   * @param stop asked after every step
   * @throws TrainingException if the loss is no longer finite
   * @throws IOException if the last checkpoint cannot be written
   */
  public Outcome run(BooleanSupplier stop) throws IOException {
    DurableFiles.write(folder.config(), config());
    TrainingClock.Position begin = log.begin(step, step == settings.steps(), tokensPerStep());
    log.tensorBoard(settings.tensorBoard(), config());
    log.event("start", step, "plugins", texts(plugins()), "compute", compute());
    experiment.optimizer().shortenedWarmup(settings.steps()).ifPresent(this::warn);
    try {
      if (step < settings.steps()) {
        listener.started(swapper());
      }
      clock.start(begin);
      steps(stop);
    } finally {
      swaps.close(); // whoever waits for a swap is told, however the run ends
    }
    save(true);
    Optional<Score> score =
        step == settings.steps() ? evaluate(settings.finalWindows(), stop) : Optional.empty();
    boolean interrupted = stop.getAsBoolean();
    log.event(interrupted ? "interrupted" : "end", step);
    return new Outcome(interrupted, step, score);
  }

  private void steps(BooleanSupplier stop) throws IOException {
    while (step < settings.steps() && !stop.getAsBoolean()) {
      swaps.boundary(step);
      double learningRate = learningRates.at(step);
      StepMetrics measured;
      try {
        measured =
            training.run(
                i -> dataset.train().next(settings.batchSize()),
                settings.accumulate(),
                learningRate);
      } catch (RuntimeException | Error e) { // a component of a swap may fail in the run only
        if (swaps.rolledBack(step, e)) {
          continue;
        }
        throw e;
      }
      if (swaps.rolledBack(step, measured)) {
        continue; // the step is rolled back too, and taken again with the same windows
      }
      checkFinite(measured);
      step++;
      clock.stepped(tokensPerStep());
      boolean last = step == settings.steps();
      if (last || due(settings.logEvery())) {
        report(measured, learningRate);
      }
      if (!last && (checkpointRequested || due(settings.checkpointEvery()))) {
        checkpointRequested = false;
        save(false);
      }
      if (!last && due(settings.evaluateEvery())) {
        watched(() -> evaluate(settings.evaluationWindows(), stop));
      }
      if (settings.metrics().observes(step, last)) {
        watched(this::observe);
      }
    }
  }

  private void report(StepMetrics measured, double learningRate) {
    int length = experiment.data().sequenceLength();
    double speed = clock.lap();
    TrainingClock.Position position = clock.position();
    StepReport report =
        new StepReport(
            step,
            settings.steps(),
            measured.loss(),
            measured.auxiliary(),
            measured.gradientNorm(),
            learningRate,
            speed,
            new StepReport.Totals(
                position.tokens(),
                position.seconds(),
                costs.mfu(length, speed),
                costs.devicePeakBytes(),
                costs.hostBytes()));
    log.step(report, costs.line(length));
    listener.stepped(report);
  }

  private long tokensPerStep() {
    return settings.tokensPerStep(experiment.data().sequenceLength());
  }

  /** Scores the held-out text; returns nothing if there is none, or if asked to stop. */
  private Optional<Score> evaluate(int windows, BooleanSupplier stop) {
    if (!evaluator.possible()) {
      return Optional.empty();
    }
    try (TrainingClock.Pause pause = clock.pause()) {
      Optional<Score> scored = evaluator.score(windows, stop, listener::evaluating);
      scored.ifPresent(
          score -> {
            log.evaluated(step, HELD_OUT, score);
            listener.evaluated(step, score);
          });
      return scored;
    }
  }

  /** Writes what components observe of themselves on held-out text, if there is any. */
  private void observe() {
    if (evaluator.possible()) {
      try (TrainingClock.Pause pause = clock.pause()) {
        log.observed(
            step, evaluator.observe(settings.metrics().observeWindows(), (windows, of) -> {}));
      }
    }
  }

  /** Computes something in the middle of a run, where a swap may be watched. */
  private void watched(Runnable action) {
    try {
      action.run();
    } catch (RuntimeException | Error e) { // as in a step
      if (!swaps.rolledBack(step, e)) {
        throw e;
      }
    }
  }

  private boolean due(int every) {
    return every > 0 && step % every == 0;
  }

  private void checkFinite(StepMetrics measured) throws IOException {
    if (measured.finite()) {
      return;
    }
    log.event("not-finite", step + 1, "measured", measured.toString());
    save(true);
    throw new TrainingException(
        "step "
            + (step + 1)
            + " is not finite (loss "
            + measured.loss()
            + ", gradient norm "
            + measured.gradientNorm()
            + "); the parameters were not changed by it, and "
            + newest()
            + ". Try a lower optimizer.learning-rate, more optimizer.warmup-steps or"
            + " trainer.precision = fp32");
  }

  /**
   * Writes a checkpoint of this step, unless there is one. A full disk must not end a run: the next
   * checkpoint may find room again.
   *
   * @param needed whether there will be no next one
   */
  private void save(boolean needed) throws IOException {
    if (savedStep == step || step == 0) {
      return;
    }
    TrainerState state = state();
    try (TrainingClock.Pause pause = clock.pause()) {
      Checkpoint checkpoint = checkpoints.save(state, settings.checkpointKeep());
      savedStep = step;
      DurableFiles.write(folder.config(), config());
      log.event("checkpoint", step, "folder", checkpoint.folder().getFileName().toString());
      listener.checkpointed(step, checkpoint.folder());
    } catch (IOException e) {
      String problem =
          "the checkpoint of step " + step + " could not be written: " + e.getMessage();
      if (needed) {
        throw new IOException(
            problem + ". Make room, or use another disk; " + newest() + ", go on with --resume", e);
      }
      warn(problem + ". Training goes on; make room before the next checkpoint");
    }
  }

  private void swapped(SwapReport report) {
    SwapEvent event = SwapEvent.of(report);
    log.event(event.name(), report.step(), event.details());
    listener.swapped(report);
  }

  private TrainerState state() {
    List<String> unused =
        model.parameters().all().stream().filter(Parameter::unused).map(Parameter::name).toList();
    return new TrainerState(
        step,
        dataset.train().position(),
        compute(),
        plugins(),
        sites(),
        unused,
        Optional.of(text),
        Optional.of(nextRate()));
  }

  private String newest() {
    return savedStep < 0
        ? "there is no checkpoint yet"
        : "the newest checkpoint is that of step " + savedStep;
  }

  private void warn(String message) {
    log.event("warning", step, "message", message);
    listener.warned(message);
  }

  @Override
  public void close() throws IOException {
    swaps.close();
    log.close();
    training.close();
    model.close();
    kernels.close();
    lock.close();
  }
}
