package dev.hydra.bench;

import dev.hydra.composer.model.Components;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.Placement;
import dev.hydra.composer.spec.ModelSpec;
import dev.hydra.inference.Engine;
import dev.hydra.inference.EngineLimits;
import dev.hydra.inference.EngineSettings;
import dev.hydra.inference.FinishReason;
import dev.hydra.inference.Quantization;
import dev.hydra.inference.Request;
import dev.hydra.inference.Sampling;
import dev.hydra.inference.TokenListener;
import dev.hydra.inference.TokenScore;
import dev.hydra.libtorch.graphs.GraphMode;
import dev.hydra.libtorch.runtime.CudaMemory;
import dev.hydra.libtorch.runtime.ProcessMemory;
import java.util.OptionalLong;
import java.util.Set;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/** Times an engine that reads random prompts and continues them, greedily. */
public final class GenerationBench {
  /** Steps before the timed ones: code is compiled, and the step is captured where it can be. */
  private static final int WARM_UP = 16;

  private static final Sampling GREEDY = new Sampling(0, 0, 1, 0);

  private final ModelSpec spec;
  private final Components components;
  private final Placement placement;
  private final GraphMode graph;
  private final Quantization quantization;

  /**
   * What is timed.
   *
   * @param batch how many texts are continued at the same time
   * @param context the tokens of each prompt
   * @param tokens how many steps are timed; each draws a token for every text
   * @param prefill the most tokens of prompts that are read between two steps
   */
  public record Case(int batch, int context, int tokens, int prefill) {}

  /**
   * One line of a table.
   *
   * @param measured what was timed
   * @param step how long a step took, in seconds
   * @param tokensPerSecond of all texts, in all timed steps together
   * @param prefillTokensPerSecond of all prompts, until each text had its first token
   * @param firstTokenSeconds from the opening of a session to its first token, with no other beside
   *     it
   * @param peakBytes the most memory taken, the model included: on CUDA what tensors had, on the
   *     CPU what became resident; empty where it cannot be measured
   * @param replayed steps that were replayed from a CUDA graph, those before the timed ones
   *     included
   */
  public record Row(
      Case measured,
      Timing step,
      double tokensPerSecond,
      double prefillTokensPerSecond,
      double firstTokenSeconds,
      OptionalLong peakBytes,
      long replayed) {}

  /**
   * Creates a benchmark of a model with random weights.
   *
   * @param placement where to compute, and in which type
   * @param graph whether steps are captured as CUDA graphs
   * @param quantization what weights are rounded to
   */
  public GenerationBench(
      ModelSpec spec,
      Components components,
      Placement placement,
      GraphMode graph,
      Quantization quantization) {
    this.spec = spec;
    this.components = components;
    this.placement = placement;
    this.graph = graph;
    this.quantization = quantization;
  }

  /** Times one case. */
  public Row run(Case measured) {
    Row[] row = new Row[1];
    boolean cuda = placement.device().is_cuda();
    if (cuda) {
      CudaMemory.reset(placement.device());
    }
    OptionalLong resident = ProcessMemory.peakDuring(() -> row[0] = timed(measured));
    OptionalLong peak = cuda ? OptionalLong.of(CudaMemory.peak(placement.device())) : resident;
    Row without = row[0];
    return new Row(
        measured,
        without.step,
        without.tokensPerSecond,
        without.prefillTokensPerSecond,
        without.firstTokenSeconds,
        peak,
        without.replayed);
  }

  /** Counts the tokens of a text. */
  private static final class Counter implements TokenListener {
    private int tokens;
    private @Nullable RuntimeException problem;

    @Override
    public boolean token(TokenScore token) {
      tokens++;
      return true;
    }

    @Override
    public void finished(FinishReason reason) {
      // the benchmark itself ends them
    }

    @Override
    public void failed(RuntimeException why) {
      problem = why;
    }

    boolean hasDrawn() {
      if (problem != null) {
        throw problem;
      }
      return tokens > 0;
    }
  }

  private Row timed(Case measured) {
    int drawn = WARM_UP + measured.tokens + measured.batch * prefillSteps(measured) + 1;
    EngineLimits limits =
        new EngineLimits(
            measured.batch, measured.batch, measured.context + drawn, measured.prefill, 0);
    try (Model model = Model.build(spec, components, placement, 0);
        Engine engine =
            new Engine(
                model, EngineSettings.of(limits).withGraph(graph).withQuantization(quantization))) {
      SplittableRandom random = new SplittableRandom(0);
      until(engine, open(engine, random, measured.context, 2)); // kernels are compiled
      finish(engine);
      double first = until(engine, open(engine, random, measured.context, 2));
      finish(engine);
      Counter[] counters = new Counter[measured.batch];
      for (int i = 0; i < counters.length; i++) {
        counters[i] = open(engine, random, measured.context, drawn);
      }
      double prefill = until(engine, counters);
      for (int i = 0; i < WARM_UP; i++) {
        engine.step();
      }
      double[] seconds = new double[measured.tokens];
      long start = System.nanoTime();
      for (int i = 0; i < seconds.length; i++) {
        long from = System.nanoTime();
        engine.step();
        seconds[i] = since(from);
      }
      double all = since(start);
      return new Row(
          measured,
          Timing.of(seconds),
          (double) measured.batch * measured.tokens / all,
          (double) measured.batch * measured.context / prefill,
          first,
          OptionalLong.empty(),
          engine.replayed());
    }
  }

  private static int prefillSteps(Case measured) {
    return 1 + measured.context / measured.prefill;
  }

  private Counter open(Engine engine, SplittableRandom random, int context, int tokens) {
    Counter counter = new Counter();
    int[] prompt = random.ints(context, 0, spec.vocabSize()).toArray();
    engine.open(new Request(prompt, tokens, GREEDY, Set.of()), counter);
    return counter;
  }

  /** Steps until all have drawn; returns the seconds that took. */
  private static double until(Engine engine, Counter... counters) {
    long from = System.nanoTime();
    for (Counter counter : counters) {
      while (!counter.hasDrawn()) {
        engine.step();
      }
    }
    return since(from);
  }

  private static void finish(Engine engine) {
    while (engine.isBusy()) {
      engine.step();
    }
  }

  private static double since(long nanos) {
    return (System.nanoTime() - nanos) / 1e9;
  }
}
