package dev.hydra.trainer.run;

import dev.hydra.composer.config.ConfigFiles;
import dev.hydra.composer.model.Components;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.Placement;
import dev.hydra.composer.swap.SwapReport;
import dev.hydra.composer.swap.SwapRequest.UnexpectedKeys;
import dev.hydra.composer.swap.Swapper;
import dev.hydra.data.Dataset;
import dev.hydra.data.TokenizerFiles;
import dev.hydra.libtorch.io.DurableFiles;
import dev.hydra.libtorch.kernels.KernelMode;
import dev.hydra.libtorch.runtime.ComputeType;
import dev.hydra.libtorch.runtime.Determinism;
import dev.hydra.libtorch.runtime.LibTorchException;
import dev.hydra.libtorch.runtime.OutOfMemory;
import dev.hydra.libtorch.runtime.RandomState;
import dev.hydra.trainer.evaluation.Score;
import dev.hydra.trainer.metrics.ModelCosts;
import dev.hydra.trainer.metrics.TrainingClock;
import dev.hydra.trainer.step.StepMetrics;
import dev.hydra.trainer.step.TrainingStep;
import dev.hydra.trainer.swap.Swaps;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;

/** A training run from its first step, or from a checkpoint, to its last. */
public final class Trainer implements AutoCloseable {
  private final Experiment experiment;
  private final StageRun stages;
  private final RunFolder folder;
  private final TrainingListener listener;
  private final Model model;
  private final TrainingStep training;
  private final Checkpoints checkpoints;
  private final Saves saves;
  private final RunLog log;
  private final TrainingClock clock = new TrainingClock();
  private final StepReports reports;
  private final RunLock lock;
  private final Swaps swaps;
  private final Evaluations evaluations;
  private final KernelMode.Setting kernels;
  private final Determinism.Setting determinism;
  private final AtomicLong taken = new AtomicLong();
  private final StepLoop loop;
  private TrainerSettings settings;

  /** The outcome of a run, with the score of each validation set if it came to its end. */
  public record Outcome(boolean interrupted, long step, List<Score> scores) {}

  /**
   * Builds the model and opens the run folder.
   *
   * @param datasets the data of every stage, see {@link Experiment#open}
   * @param listeners hear what happens, each event in their order
   * @throws dev.hydra.api.ConfigException if a component's configuration is wrong, in any stage, or
   *     the weights to begin with do not fit
   * @throws IOException if the run folder cannot be written to, or another run is using it
   */
  public Trainer(
      Experiment experiment,
      List<Dataset> datasets,
      Components components,
      Device device,
      RunFolder folder,
      TrainingListener... listeners)
      throws IOException {
    this.experiment = experiment;
    this.settings = experiment.trainer();
    this.folder = folder;
    this.listener = new Listeners(List.of(listeners));
    Dataset dataset = datasets.get(0);
    Stage first = experiment.stages().get(0);
    if (first.named()) {
      StageCheck.of(experiment.stages(), components);
      if (!folder.used()) {
        StageCheck.growth(experiment.stages());
      }
    }
    folder.create();
    lock = RunLock.take(folder.path());
    log = new RunLog(folder, clock, listener);
    RandomState.seed(settings.seed());
    Placement precision = new Placement(device, ComputeType.choose(settings.precision(), device));
    kernels = settings.kernels().set();
    determinism = settings.determinism().set();
    Optional<Model> built = Optional.empty();
    try {
      settings.withoutEffect(device).ifPresent(this::warn);
      boolean begins = !first.named() || !folder.used(); // or it goes on at a later stage
      StepMemory.tooMuch(experiment, components, precision, begins).ifPresent(this::warn);
      model = ModelStart.build(experiment, components, precision, !folder.used(), this::warn);
      built = Optional.of(model);
      // After what may be refused: a refused run leaves nothing.
      TokenizerFiles.copy(datasets, folder.tokenizer()).ifPresent(this::warn);
      training =
          new TrainingStep(
              model, experiment.optimizer(), settings.recompute(), settings.graph(), this::warn);
    } catch (IOException | RuntimeException | Error e) {
      built.ifPresent(Model::close);
      determinism.close();
      kernels.close();
      lock.close();
      StepMemory.refuse(experiment, components, precision, e);
      throw e;
    }
    reports = new StepReports(clock, new ModelCosts(model), log, listener);
    checkpoints = new Checkpoints(folder, this::config, model, training);
    saves = new Saves(folder, checkpoints, this::config, log, clock, listener);
    swaps = new Swaps(model, training, dataset.train(), settings.guard(), this::swapped);
    stages = new StageRun(experiment.stages(), datasets, model, training, swaps);
    evaluations = new Evaluations(model, training, clock, log, this.listener, settings, dataset);
    loop = new StepLoop(stages, training, swaps, clock, reports, evaluations, taken, new Pauses());
  }

  /** Returns the model that is trained. */
  public Model model() {
    return model;
  }

  /** Says what is trained where low-rank adapters are, in words. */
  public Optional<String> adapters() {
    return settings.lora().map(lora -> lora.report(model));
  }

  /** Returns the swapper of its components while it runs; not to be closed. */
  public Swapper swapper() {
    return swaps.swapper();
  }

  /** Asks for a checkpoint of the last step, after the forward that is computed; of any thread. */
  public void requestCheckpoint() {
    loop.requestCheckpoint();
  }

  /** Says whether a step is done, which a run that ends now keeps; of any thread. */
  public boolean hasStep() {
    return taken.get() > 0;
  }

  /** Says whether steps are replayed from CUDA graphs now. */
  boolean captured() {
    return training.captured();
  }

  /** Returns the optimizer state; see {@link dev.hydra.optim.Optimizer#exportState}. */
  Map<String, Tensor> optimizerState() {
    return training.optimizer().exportState();
  }

  /** Returns the configuration that builds the model as it is now. */
  private String config() {
    return ConfigFiles.render(stages.config());
  }

  /**
   * Continues from the latest intact checkpoint of the run folder.
   *
   * @param policy what becomes of parameters that another version of a plugin does not ask for
   * @throws dev.hydra.api.ConfigException if its parameters do not fit the configuration's model,
   *     or it has more steps than the run
   * @throws IOException if there is none, or its files do not fit
   */
  public long resume(UnexpectedKeys policy) throws IOException {
    Resumption resumption = Resumption.latest(folder, stages::of, this::warn);
    TrainerState state = resumption.state();
    resumption.refuseFewer();
    stages.resume(state);
    follow();
    SwapReport.Parameters parameters = resumption.restore(checkpoints, policy);
    taken.set(state.step());
    saves.resumed(state.step());
    resumption.changes(this.state()).forEach(this::warn);
    log.event("resume", state.step(), resumption.details(this.state(), parameters));
    return state.step();
  }

  /**
   * Trains to the last step, or until asked to stop; then writes a checkpoint.
   *
   * @param stop asked after every forward: a step that is not whole then is taken again on resume
   * @throws TrainingException if the loss is no longer finite, or there is no memory left
   * @throws IOException if the last checkpoint cannot be written
   */
  public Outcome run(BooleanSupplier stop) throws IOException {
    long step = taken.get();
    DurableFiles.write(folder.config(), config());
    TrainingClock.Position position =
        log.begin(step, step == settings.steps(), stages.current().tokensPerStep());
    log.tensorBoard(settings.tensorBoard(), config());
    log.started(state());
    if (step == 0) {
      settings.initFrom().ifPresent(from -> log.event("weights", step, "from", from));
    }
    adapters().ifPresent(trained -> log.event("lora", step, "trained", trained));
    stages.unfinished(settings.steps()).forEach(this::warn);
    stages.ofOptimizer().forEach(this::warn);
    if (step == 0 && stages.current().named()) {
      began(stages.first());
    }
    try {
      return toTheEnd(position, stop);
    } catch (RuntimeException | Error e) {
      failed(e);
      throw e;
    }
  }

  private Outcome toTheEnd(TrainingClock.Position position, BooleanSupplier stop)
      throws IOException {
    boolean interrupted;
    try {
      if (taken.get() < settings.steps()) {
        listener.started(swapper());
      }
      clock.start(position);
      interrupted = loop.run(stop);
    } finally {
      swaps.close(); // whoever waits for a swap is told, however the run ends
    }
    saveLast();
    long step = taken.get();
    List<Score> scores =
        step == settings.steps()
            ? evaluations.score(step, settings.finalWindows(), stop)
            : List.of();
    interrupted |= stop.getAsBoolean();
    log.event(interrupted ? "interrupted" : "end", step);
    return new Outcome(interrupted, step, scores);
  }

  /** Takes what a stage changes in the run. */
  private void follow() {
    settings = stages.current().trainer();
    evaluations.follow(settings, stages.dataset());
  }

  private void began(StageReport report) {
    log.event("stage", taken.get(), report.details());
    listener.stageBegan(report);
  }

  /** What is done between steps besides. */
  private final class Pauses implements StepLoop.Pauses {
    /** Does so after a checkpoint: that of the stage before can be gone on from. */
    @Override
    public void nextStage() {
      if (settings.checkpointAtStages()) {
        save();
      }
      try (TrainingClock.Pause pause = clock.pause()) {
        StageReport report = stages.enter();
        follow();
        began(report);
        stages.ofOptimizer().forEach(Trainer.this::warn);
      }
    }

    @Override
    public void save() {
      saves.save(Trainer.this::state, taken.get(), settings.checkpointKeep());
    }

    @Override
    public void notFinite(StepMetrics measured) throws IOException {
      long number = taken.get() + 1;
      log.event("not-finite", number, "measured", measured.toString());
      saveLast();
      throw TrainingException.notFinite(number, measured, saves.newest());
    }
  }

  /** Keeps the steps before one that has failed. Without memory that is one message. */
  private void failed(Throwable thrown) {
    if (thrown instanceof TrainingException) {
      return; // it says what is kept
    }
    long step = taken.get();
    Optional<OutOfMemory> memory = OutOfMemory.in(thrown);
    if (memory.isPresent()) {
      log.event("out-of-memory", step, "message", memory.get().text());
      throw TrainingException.outOfMemory(
          step,
          new StepMemory(model, model.placement().compute(), stages.current()),
          memory.get(),
          kept());
    }
    log.event("failed", step, "message", LibTorchException.readable(thrown));
    warn("the training failed after step " + step + "; " + kept());
  }

  /** Writes a checkpoint of the last step, if it is whole; says which is the newest, in words. */
  private String kept() {
    return training.halfUpdated()
        ? "parameters were being updated, so this step cannot be kept; " + saves.newest()
        : saves.last(this::state, taken.get(), settings.checkpointKeep());
  }

  private void saveLast() throws IOException {
    saves.saveLast(this::state, taken.get(), settings.checkpointKeep());
  }

  private void swapped(SwapReport report) {
    SwapEvent event = SwapEvent.of(report);
    log.event(event.name(), report.step(), event.details());
    listener.swapped(report);
  }

  private TrainerState state() {
    return new RunState(experiment, model, swapper(), stages).at(taken.get());
  }

  /** Notes something that goes wrong without ending the run. */
  public void warn(String message) {
    log.warn(taken.get(), message);
  }

  @Override
  public void close() throws IOException {
    swaps.close();
    stages.close();
    log.close();
    training.close();
    model.close();
    determinism.close();
    kernels.close();
    lock.close();
  }
}
