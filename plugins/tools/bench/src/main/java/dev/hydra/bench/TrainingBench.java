package dev.hydra.bench;

import dev.hydra.composer.model.Components;
import dev.hydra.composer.model.ForwardContext;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.Placement;
import dev.hydra.composer.model.Recompute;
import dev.hydra.composer.spec.ModelSpec;
import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.graphs.CapturedForward;
import dev.hydra.libtorch.graphs.GraphMode;
import dev.hydra.libtorch.runtime.CudaMemory;
import dev.hydra.libtorch.runtime.ProcessMemory;
import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.optim.OptimizerSettings;
import dev.hydra.trainer.metrics.ModelCosts;
import dev.hydra.trainer.step.TrainingStep;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import java.util.function.Consumer;
import org.bytedeco.pytorch.Tensor;

/** Times training steps of a model, or its forward alone, on random tokens. */
public final class TrainingBench {
  /** Batches that are taken in turn, so that no step sees what the one before saw. */
  private static final int BATCHES = 8;

  /** Steps before the timed ones: caches are filled, and the step is captured where it can be. */
  private static final int WARM_UP = 5;

  private static final double LEARNING_RATE = 1e-4;

  private final ModelSpec spec;
  private final Components components;
  private final Placement placement;
  private final OptimizerSettings optimizer;
  private final Recompute recompute;
  private final GraphMode graph;
  private final Consumer<String> warned;
  private final int steps;

  /**
   * One line of a table.
   *
   * @param shape the batch
   * @param step how long a step took, in seconds
   * @param tokensPerSecond of all timed steps together
   * @param mfu the model's FLOPs a second as a part of the device's peak; empty where that is not
   *     known
   * @param peakBytes the most memory taken once the model is built: on CUDA what tensors had, those
   *     of the model included; on the CPU what became resident then, so without the model, as its
   *     memory may be that of one before; empty where it cannot be measured
   * @param firstStepSeconds from the beginning of building the model to the end of the first step:
   *     compiling kernels is part of it, the start of the process is not
   */
  public record Row(
      Shape shape,
      Timing step,
      double tokensPerSecond,
      OptionalDouble mfu,
      OptionalLong peakBytes,
      double firstStepSeconds) {}

  /**
   * Creates a benchmark.
   *
   * @param placement where to compute, and in which type
   * @param recompute which blocks are computed again in backward
   * @param graph whether steps are captured as CUDA graphs
   * @param warned is told why steps that should be captured cannot be
   * @param steps how many steps of each shape are timed
   */
  public TrainingBench(
      ModelSpec spec,
      Components components,
      Placement placement,
      OptimizerSettings optimizer,
      Recompute recompute,
      GraphMode graph,
      Consumer<String> warned,
      int steps) {
    this.spec = spec;
    this.components = components;
    this.placement = placement;
    this.optimizer = optimizer;
    this.recompute = recompute;
    this.graph = graph;
    this.warned = warned;
    this.steps = steps;
  }

  /** Times training steps: forward, backward, clipping and the update. */
  public Row train(Shape shape) {
    return run(
        shape,
        ModelCosts.FORWARDS_OF_A_STEP,
        model -> {
          TrainingStep step = new TrainingStep(model, optimizer, recompute, graph, warned);
          return new Pass() {
            @Override
            public Runnable launch(Tensor windows) {
              return step.launch(i -> windows, 1, LEARNING_RATE, () -> false).orElseThrow()::await;
            }

            @Override
            public boolean ahead() {
              return step.ahead();
            }

            @Override
            public void close() {
              step.close();
            }
          };
        });
  }

  /** Times the forward to the logits, without gradients. */
  public Row forward(Shape shape) {
    return run(
        shape,
        1,
        model -> {
          CapturedForward forward =
              new CapturedForward(
                  placement.device(),
                  tokens -> logits(model, tokens),
                  () -> graph == GraphMode.AUTO,
                  warned);
          return new Pass() {
            @Override
            public Runnable launch(Tensor windows) {
              return () ->
                  Scopes.run(
                      () -> {
                        Tensor logits = forward.run(Tensors.slice(windows, 1, 0, shape.tokens()));
                        Tensors.number(logits.view(-1).narrow(0, 0, 1).sum()); // waits for it
                      });
            }

            @Override
            public void close() {
              forward.close();
            }
          };
        });
  }

  private static Tensor logits(Model model, Tensor tokens) {
    try (Grad off = Grad.off();
        ForwardContext forward = ForwardContext.evaluation()) {
      return model.logits(model.hidden(tokens, forward));
    }
  }

  /** What is timed, with what it needs. */
  private interface Pass extends AutoCloseable {
    /** Begins with a batch; what is returned ends it, and waits for its device. */
    Runnable launch(Tensor windows);

    /** Says whether the next may be launched before the last has ended, as a training does it. */
    default boolean ahead() {
      return false;
    }

    @Override
    default void close() {}
  }

  @FunctionalInterface
  private interface PassOf {
    Pass of(Model model);
  }

  private Row run(Shape shape, int forwards, PassOf passOf) {
    List<Tensor> batches = batches(shape);
    boolean cuda = placement.device().is_cuda();
    long begin = System.nanoTime();
    try (Model model = Model.build(spec, components, placement, 0)) {
      if (cuda) {
        CudaMemory.reset(placement.device());
      }
      Row[] row = new Row[1];
      OptionalLong resident =
          ProcessMemory.peakDuring(
              () -> row[0] = measured(model, batches, begin, shape, forwards, passOf));
      Row without = row[0];
      return new Row(
          shape,
          without.step(),
          without.tokensPerSecond(),
          without.mfu(),
          cuda ? OptionalLong.of(CudaMemory.peak(placement.device())) : resident,
          without.firstStepSeconds());
    } finally {
      batches.forEach(Tensor::close);
    }
  }

  private Row measured(
      Model model, List<Tensor> batches, long begin, Shape shape, int forwards, PassOf passOf) {
    try (Pass pass = passOf.of(model)) {
      pass.launch(batches.get(BATCHES - 1)).run(); // so that another one is next
      double first = since(begin);
      seconds(pass, batches, WARM_UP - 1);
      double[] seconds = seconds(pass, batches, steps);
      double tokensPerSecond = steps * shape.size() / Arrays.stream(seconds).sum();
      return new Row(
          shape,
          Timing.of(seconds),
          tokensPerSecond,
          new ModelCosts(model).mfu(shape.tokens(), forwards * tokensPerSecond),
          OptionalLong.empty(),
          first);
    }
  }

  /** Takes as many, and returns how long after the one before each of them has ended. */
  private static double[] seconds(Pass pass, List<Tensor> batches, int count) {
    double[] seconds = new double[count];
    long from = System.nanoTime();
    Optional<Runnable> ahead = Optional.empty();
    for (int i = 0; i < count; i++) {
      Tensor batch = batches.get(i % BATCHES);
      Runnable end = ahead.orElseGet(() -> pass.launch(batch));
      ahead =
          i + 1 < count && pass.ahead()
              ? Optional.of(pass.launch(batches.get((i + 1) % BATCHES)))
              : Optional.empty();
      end.run();
      seconds[i] = since(from);
      from = System.nanoTime();
    }
    return seconds;
  }

  private List<Tensor> batches(Shape shape) {
    Inputs inputs = new Inputs(placement);
    List<Tensor> batches = new ArrayList<>();
    for (int i = 0; i < BATCHES; i++) {
      try (Tensor onDevice = inputs.tokens(spec.vocabSize(), shape.batch(), shape.tokens() + 1L)) {
        batches.add(onDevice.cpu()); // as a dataset gives them
      }
    }
    return batches;
  }

  private static double since(long nanos) {
    return (System.nanoTime() - nanos) / 1e9;
  }
}
