package dev.hydra.bench;

import dev.hydra.composer.model.Components;
import dev.hydra.composer.model.Placement;
import dev.hydra.composer.model.Recompute;
import dev.hydra.composer.spec.ModelSpec;
import dev.hydra.libtorch.graphs.GraphMode;
import dev.hydra.libtorch.runtime.ComputeType;
import dev.hydra.libtorch.runtime.OutOfMemory;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.bytedeco.pytorch.Device;

/** Times the models of an experiment: at each length in turn, so that all see the same machine. */
public final class ThroughputRun {
  private final Throughput experiment;
  private final Components components;
  private final Placement placement;
  private final Consumer<String> warned;
  private final Set<String> tooLarge = new HashSet<>();

  /**
   * Prepares a run.
   *
   * @param warned is told why a step is slower than it could be
   */
  public ThroughputRun(
      Throughput experiment, Components components, Device device, Consumer<String> warned) {
    this.experiment = experiment;
    this.components = components;
    this.placement = new Placement(device, ComputeType.choose(experiment.precision(), device));
    this.warned = warned;
  }

  /**
   * Runs.
   *
   * @param stop asked before every row
   * @param timed hears of every row
   * @return the rows, as far as it came
   */
  public List<ThroughputRow> run(BooleanSupplier stop, Consumer<ThroughputRow> timed) {
    List<ThroughputRow> rows = new ArrayList<>();
    for (Throughput.Pass pass : experiment.passes()) {
      for (int tokens : experiment.lengths()) {
        for (Map.Entry<String, ModelSpec> model : experiment.models().entrySet()) {
          if (stop.getAsBoolean()) {
            return rows;
          }
          ThroughputRow row = row(model.getKey(), model.getValue(), pass, tokens);
          rows.add(row);
          timed.accept(row);
        }
      }
    }
    return rows;
  }

  private ThroughputRow row(String name, ModelSpec spec, Throughput.Pass pass, int tokens) {
    String what = name + " " + pass;
    ThroughputRow none = new ThroughputRow(name, pass, tokens, 0, OptionalLong.empty());
    if (tooLarge.contains(what)) {
      return none;
    }
    TrainingBench bench =
        new TrainingBench(
            spec,
            components,
            placement,
            experiment.optimizer(),
            Recompute.NONE,
            GraphMode.AUTO,
            warned,
            experiment.steps());
    Shape shape = new Shape(1, tokens);
    try {
      TrainingBench.Row row =
          pass == Throughput.Pass.FORWARD ? bench.forward(shape) : bench.train(shape);
      return new ThroughputRow(name, pass, tokens, row.tokensPerSecond(), row.peakBytes());
    } catch (RuntimeException e) {
      if (OutOfMemory.in(e).isEmpty()) {
        throw e;
      }
      tooLarge.add(what); // and longer texts are, too
      return none;
    }
  }
}
