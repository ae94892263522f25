package dev.hydra.trainer.step;

import dev.hydra.composer.model.ForwardContext;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.Parameter;
import dev.hydra.composer.model.Recompute;
import dev.hydra.libtorch.autograd.Backward;
import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.optim.GradientClip;
import dev.hydra.optim.OptimizedParameter;
import dev.hydra.optim.Optimizer;
import dev.hydra.optim.OptimizerSettings;
import dev.hydra.optim.ParameterState;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.IntFunction;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** One optimizer step: forwards and backwards, clipping, the update. */
public final class TrainingStep implements AutoCloseable {
  private final Model model;
  private final OptimizerSettings settings;
  private final Recompute recompute;
  private Gradients gradients;
  private GradientClip clip;
  private volatile Optimizer optimizer;
  private volatile long stateBytes;
  private Runnable beforeUpdate = () -> {};

  /**
   * Creates the step of a model, with a new optimizer for its trainable parameters.
   *
   * @param recompute which blocks are computed again in backward
   */
  public TrainingStep(Model model, OptimizerSettings settings, Recompute recompute) {
    this.model = model;
    this.recompute = recompute;
    this.settings = settings;
    this.gradients = new Gradients(model.parameters());
    this.clip = clip(gradients);
    this.optimizer = settings.optimizer(gradients.optimized(), Map.of());
    this.stateBytes = bytes(optimizer);
  }

  private GradientClip clip(Gradients of) {
    return settings.clip(of.optimized().stream().map(OptimizedParameter::gradient).toList());
  }

  /** Creates the entries of new parameters, as far as they are trained; owned by the caller. */
  public OptimizerEntries entries(Collection<Parameter> parameters) {
    OptimizerEntries all = new OptimizerEntries(new HashMap<>(), new HashMap<>());
    try {
      for (Parameter parameter : parameters) {
        if (parameter.spec().trainable()) {
          GradientBuffers buffers = GradientBuffers.of(parameter);
          all.gradients().put(parameter.name(), buffers);
          all.states()
              .put(
                  parameter.name(),
                  optimizer.initialState(Gradients.optimized(parameter, buffers)));
        }
      }
    } catch (RuntimeException | Error e) { // the memory may not be enough
      all.close();
      throw e;
    }
    return all;
  }

  /**
   * Goes on with the parameters that the model has now.
   *
   * @param joining the entries of new ones
   * @return the entries of those that are gone; owned by the caller
   */
  public OptimizerEntries exchange(OptimizerEntries joining) {
    OptimizerEntries before = new OptimizerEntries(gradients.buffers(), optimizer.states());
    OptimizerEntries known = before.with(joining);
    Gradients newGradients = new Gradients(model.parameters(), known.gradients());
    GradientClip newClip = clip(newGradients);
    Optimizer newOptimizer = settings.optimizer(newGradients.optimized(), known.states());
    gradients.release();
    clip.close();
    optimizer.release();
    gradients = newGradients;
    clip = newClip;
    optimizer = newOptimizer;
    stateBytes = bytes(newOptimizer);
    return before.without(new OptimizerEntries(gradients.buffers(), optimizer.states()));
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
    return optimizer;
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
   * @param windows gives the windows int64 [batch, time + 1] of each forward
   * @param forwards how many forwards the gradient is averaged over
   */
  public StepMetrics run(IntFunction<Tensor> windows, int forwards, double learningRate) {
    Map<String, Tensor> adjustments = new LinkedHashMap<>();
    try (PointerScope scope = new PointerScope()) {
      gradients.clear();
      Tensor losses = Tensors.zeros(anyMaster(), ScalarType.Float, 2);
      for (int i = 0; i < forwards; i++) {
        int number = i;
        losses.add_(Scopes.keep(() -> accumulate(windows.apply(number), forwards, adjustments)));
      }
      Tensor norm = clip.clip();
      double[] measured = Tensors.numbers(losses);
      double gradientNorm = Tensors.number(norm);
      if (Double.isFinite(measured[0] + measured[1] + gradientNorm)) {
        Runnable first = beforeUpdate;
        beforeUpdate = () -> {};
        first.run();
        optimizer.step(learningRate);
        gradients.syncWorkingCopies();
        adjustments.forEach(model.parameters()::adjust);
      }
      return new StepMetrics(measured[0], measured[1], gradientNorm);
    } finally {
      adjustments.values().forEach(Tensor::close);
    }
  }

  /** Adds a share of gradient and adjustments; returns that share of the losses, float32 [2]. */
  private Tensor accumulate(Tensor windows, int forwards, Map<String, Tensor> adjustments) {
    try (ForwardContext forward = ForwardContext.training().recomputing(recompute)) {
      Tensor tokens = windows.to(model.placement().device(), ScalarType.Long);
      Tensor loss = LanguageLoss.of(model, tokens, forward);
      forward.finish();
      Tensor auxiliary = Tensors.zeros(loss);
      for (Tensor each : forward.losses().values()) {
        auxiliary = auxiliary.add(each);
      }
      Backward.run(Tensors.mul(loss.add(auxiliary), 1.0 / forwards));
      gradients.collect();
      forward
          .adjustments()
          .forEach((name, delta) -> add(adjustments, name, Tensors.mul(delta, 1.0 / forwards)));
      Tensor both = Tensors.stack(0, loss.detach(), auxiliary.detach());
      return Tensors.mul(both, 1.0 / forwards).to(ScalarType.Float);
    }
  }

  private static void add(Map<String, Tensor> sums, String name, Tensor summand) {
    Tensor sum = sums.get(name);
    if (sum == null) {
      sums.put(name, Scopes.own(summand));
    } else {
      Scopes.run(() -> sum.add_(summand));
    }
  }

  private Tensor anyMaster() {
    return gradients.optimized().get(0).master();
  }

  @Override
  public void close() {
    optimizer.close();
    clip.close();
    gradients.close();
  }
}
