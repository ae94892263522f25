package dev.hydra.trainer.step;

import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.Parameter;
import dev.hydra.composer.model.Recompute;
import dev.hydra.libtorch.graphs.GraphMode;
import dev.hydra.optim.FusedUpdate;
import dev.hydra.optim.GradientClip;
import dev.hydra.optim.OptimizedParameter;
import dev.hydra.optim.Optimizer;
import dev.hydra.optim.OptimizerSettings;
import dev.hydra.optim.ParameterState;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.IntFunction;
import org.bytedeco.pytorch.Tensor;

/** One optimizer step: forwards and backwards, clipping, the update. */
public final class TrainingStep implements AutoCloseable {
  private final Model model;
  private OptimizerSettings settings;
  private final Recompute recompute;
  private final StepPlan plan;
  private final boolean takesWorking;
  private final boolean takesDenseTables;
  private GradientForm form;
  private volatile StepParts parts;
  private volatile long stateBytes;
  private Runnable beforeUpdate = () -> {};
  private boolean updating;

  /**
   * Creates the step of a model, with a new optimizer for its trainable parameters, of which
   * nothing is captured and nothing computed again.
   */
  public TrainingStep(Model model, OptimizerSettings settings) {
    this(model, settings, Recompute.NONE, GraphMode.OFF, warning -> {});
  }

  /**
   * Creates the step of a model, with a new optimizer for its trainable parameters.
   *
   * @param recompute which blocks are computed again in backward
   * @param graph whether the step is captured as a CUDA graph
   * @param warned is told why a step that should be cannot be
   */
  public TrainingStep(
      Model model,
      OptimizerSettings settings,
      Recompute recompute,
      GraphMode graph,
      Consumer<String> warned) {
    this.model = model;
    this.settings = settings;
    this.recompute = recompute;
    Tensor master = trained(model).master();
    this.takesWorking = master.is_cuda() && settings.takesWorkingGradients(master);
    this.takesDenseTables = master.is_cuda() && settings.takesDenseTables();
    this.form = form(1);
    this.parts = parts(new Gradients(model.parameters(), form), Map.of(), new StepSums(master));
    this.stateBytes = bytes(optimizer());
    this.plan =
        master.is_cuda() ? new DeviceStep(master, graph == GraphMode.AUTO, warned) : new HostStep();
  }

  private static Parameter trained(Model model) {
    return model.parameters().all().stream()
        .filter(Parameter::trained)
        .findFirst()
        .orElseThrow(() -> new IllegalArgumentException("the model has nothing to train"));
  }

  /** The form of gradients of so many backwards. */
  private GradientForm form(int forwards) {
    if (forwards == 1 && takesWorking) {
      return GradientForm.HANDED_OVER;
    }
    return takesDenseTables ? GradientForm.DENSE_TABLES : GradientForm.SPARSE_TABLES;
  }

  private StepParts parts(Gradients gradients, Map<String, ParameterState> known, StepSums sums) {
    GradientClip clip =
        settings.clip(gradients.optimized().stream().map(OptimizedParameter::gradient).toList());
    Optimizer optimizer = settings.optimizer(gradients.optimized(), known);
    Optional<FusedUpdate> fused =
        takesWorking ? optimizer.fused(settings.maxNorm()) : Optional.empty();
    if (gradients.handsOver() && fused.isEmpty()) {
      throw new IllegalStateException(
          optimizer.getClass().getName()
              + " has no fused update, but its factory says that it takes working gradients");
    }
    return new StepParts(model, recompute, gradients, clip, optimizer, fused, sums);
  }

  /** Creates the entries of new parameters, as far as they are trained; owned by the caller. */
  public OptimizerEntries entries(Collection<Parameter> parameters) {
    OptimizerEntries all = new OptimizerEntries(new HashMap<>(), new HashMap<>());
    try {
      for (Parameter parameter : parameters) {
        if (parameter.trained()) {
          GradientBuffers buffers = GradientBuffers.of(parameter, form);
          all.gradients().put(parameter.name(), buffers);
          all.states()
              .put(
                  parameter.name(),
                  optimizer().initialState(Gradients.optimized(parameter, buffers)));
        }
      }
    } catch (RuntimeException | Error e) { // the memory may not be enough
      all.close();
      throw e;
    }
    return all;
  }

  /**
   * Takes other settings of the optimizer, of the same type, from the next {@link #exchange} on.
   */
  public void settings(OptimizerSettings next) {
    settings = next;
  }

  /**
   * Goes on with the parameters that the model has now.
   *
   * @param joining the entries of new ones
   * @return the entries of those that are gone; owned by the caller
   */
  public OptimizerEntries exchange(OptimizerEntries joining) {
    changed();
    StepParts old = parts;
    OptimizerEntries before =
        new OptimizerEntries(old.gradients().buffers(), old.optimizer().states());
    StepParts now = take(before.with(joining));
    stateBytes = bytes(now.optimizer());
    return before.without(
        new OptimizerEntries(now.gradients().buffers(), now.optimizer().states()));
  }

  /** Works with these entries from now on, as far as the model has their parameters. */
  private StepParts take(OptimizerEntries known) {
    StepParts old = parts;
    Gradients gradients = new Gradients(model.parameters(), known.gradients(), form);
    StepParts now = parts(gradients, known.states(), old.sums());
    old.release();
    parts = now;
    return now;
  }

  /** Makes main gradients where several backwards are added up, and frees them where not. */
  private void fit(int forwards) {
    GradientForm needed = form(forwards);
    if (needed != form) {
      plan.changed();
      form = needed;
      take(new OptimizerEntries(parts.gradients().buffers(), parts.optimizer().states()));
    }
  }

  /**
   * Forgets what has been captured of the model, whose components are others now. To be called at
   * every swap, and before any tensor of the model is freed.
   */
  public void changed() {
    plan.changed();
    parts.sums().forget();
  }

  private static long bytes(Optimizer of) {
    return of.states().values().stream().mapToLong(ParameterState::bytes).sum();
  }

  /** Returns the memory that the optimizer's state takes; of any thread. */
  public long stateBytes() {
    return stateBytes;
  }

  /** Returns the optimizer, until the next {@link #exchange}. */
  public Optimizer optimizer() {
    return parts.optimizer();
  }

  /**
   * Registers an action that is run once, before parameters and optimizer states change the next
   * time.
   */
  public void beforeUpdate(Runnable action) {
    beforeUpdate = action;
  }

  /**
   * Takes a step. If the loss or the gradient is not finite, the parameters stay as they are.
   *
   * @param windows gives the windows of each forward, see {@link TokenWindows#of}
   * @param forwards how many forwards the gradient is averaged over
   */
  public StepMetrics run(IntFunction<Tensor> windows, int forwards, double learningRate) {
    return launch(windows, forwards, learningRate, () -> false).orElseThrow().await();
  }

  /**
   * Launches a step, as long as nobody wants it to be given up: then the parameters stay as they
   * are. They also do if the step before it, which nobody has waited for yet, was not finite.
   *
   * @param windows gives the windows of each forward, see {@link TokenWindows#of}; they are read
   *     when this returns
   * @param forwards how many forwards the gradient is averaged over
   * @param stop asked between two forwards
   * @return nothing if the step was given up
   */
  public Optional<StepInFlight> launch(
      IntFunction<Tensor> windows, int forwards, double learningRate, BooleanSupplier stop) {
    fit(forwards);
    updating = false;
    Optional<StepInFlight> launched =
        plan.launch(
            parts,
            new StepPlan.Inputs(windows, forwards, learningRate, this::runBeforeUpdate, stop));
    updating = false;
    return launched;
  }

  /**
   * Says whether the next step may be launched before the one in flight was waited for, so that the
   * device has no pause between them. Nothing else may be done with the model or this step
   * meanwhile.
   */
  public boolean ahead() {
    return plan.ahead();
  }

  /**
   * Says whether the last step failed while it was changing parameters, or one is in flight: then
   * some are of that step and some of the step before.
   */
  public boolean halfUpdated() {
    return updating || plan.inFlight();
  }

  /** Returns the gradient of a parameter as the optimizer saw it last. */
  Tensor gradient(String parameter) {
    return parts.gradients().optimized().stream()
        .filter(each -> each.name().equals(parameter))
        .findFirst()
        .orElseThrow()
        .gradient();
  }

  private void runBeforeUpdate() {
    Runnable first = beforeUpdate;
    beforeUpdate = () -> {};
    first.run();
    updating = true;
  }

  /** Says whether steps are replayed from CUDA graphs now. */
  public boolean captured() {
    return plan instanceof DeviceStep device && device.captured();
  }

  /** Says whether the optimizer's update is replayed from a CUDA graph, too. */
  boolean updateCaptured() {
    return plan instanceof DeviceStep device && device.updateCaptured();
  }

  @Override
  public void close() {
    plan.close();
    parts.close();
  }
}
