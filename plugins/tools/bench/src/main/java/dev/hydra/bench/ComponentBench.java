package dev.hydra.bench;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import dev.hydra.api.ConfigException;
import dev.hydra.api.Role;
import dev.hydra.composer.model.Components;
import dev.hydra.composer.model.ForwardContext;
import dev.hydra.composer.model.Placement;
import dev.hydra.composer.model.StandaloneComponent;
import dev.hydra.libtorch.runtime.ProcessMemory;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalLong;
import java.util.function.Consumer;
import org.bytedeco.pytorch.Tensor;

/**
 * Times forward and backward of components, those of a group side by side. Backward goes to all
 * parameters and to the input.
 */
public final class ComponentBench {
  private static final long VOCABULARY = 50_000;

  /** The device waits for nothing meanwhile but for the first of them. */
  private static final int TIMES_ON_CUDA = 10;

  private final Components components;
  private final Placement precision;
  private final boolean forwardAlone;
  private final double seconds;

  /**
   * One line of a table.
   *
   * @param group the table
   * @param label the case
   * @param batch the rows of the batch
   * @param tokens the sequence length
   * @param timing of a forward and backward, or of a forward alone
   * @param bytes resident at the peak of the first one and not before it: less than it needs if the
   *     allocator had memory left; empty where that is not known
   */
  public record Row(
      String group, String label, int batch, int tokens, Timing timing, OptionalLong bytes) {}

  /**
   * Prepares a benchmark.
   *
   * @param components the component types
   * @param precision where to compute, and in which type
   * @param forwardAlone whether forwards without gradients are timed
   * @param seconds how long each length of each group is measured
   */
  public ComponentBench(
      Components components, Placement precision, boolean forwardAlone, double seconds) {
    this.components = components;
    this.forwardAlone = forwardAlone;
    this.precision = precision;
    this.seconds = seconds;
  }

  /**
   * Runs the groups of a configuration, {@code groups = [ { name, width, batch, lengths, cases }
   * ]}.
   *
   * @param only the names of the groups to run; all if empty
   * @throws ConfigException if the configuration is wrong
   */
  public void run(Config config, List<String> only, Consumer<Row> rows) {
    List<Group> groups = Group.readAll(config);
    for (String name : only) {
      if (groups.stream().noneMatch(group -> group.name().equals(name))) {
        throw new ConfigException(
            config.origin(),
            "groups",
            "none is named " + name + ", but " + groups.stream().map(Group::name).toList());
      }
    }
    for (Group group : groups) {
      if (only.isEmpty() || only.contains(group.name())) {
        run(group, rows);
      }
    }
  }

  private void run(Group group, Consumer<Row> rows) {
    for (int tokens : group.lengths()) {
      Map<String, Trial> trials = new LinkedHashMap<>();
      try {
        group.cases().forEach((label, each) -> trials.put(label, trial(group, each, tokens)));
        if (group.recurrence() && tokens == group.lengths().get(0)) {
          trials.put(
              "token-by-token recurrence",
              new Recurrence(new Inputs(precision), group.batch(), tokens, group.width()));
        }
        measure(group, tokens, trials, rows);
      } finally {
        trials.values().forEach(Trial::close);
      }
    }
  }

  private void measure(Group group, int tokens, Map<String, Trial> trials, Consumer<Row> rows) {
    // Before the rounds: afterwards the allocator keeps what the first run had to ask for.
    Map<String, OptionalLong> peaks = new LinkedHashMap<>();
    trials.forEach((label, trial) -> peaks.put(label, peak(trial)));
    Iterator<Timing> timings = Rounds.time(List.copyOf(trials.values()), seconds).iterator();
    trials.forEach(
        (label, trial) ->
            rows.accept(
                new Row(
                    group.name(),
                    label,
                    group.batch(),
                    tokens,
                    timings.next().over(trial.times()),
                    Objects.requireNonNull(peaks.get(label)))));
  }

  private OptionalLong peak(Trial trial) {
    if (precision.device().is_cuda()) {
      return OptionalLong.empty(); // what is seen is the host's memory
    }
    return ProcessMemory.peakDuring(trial);
  }

  private Trial trial(Group group, Group.Case each, int tokens) {
    if (each instanceof Group.Component component) {
      return new LayerTrial(components, component, group, tokens);
    }
    Operation operation = ((Group.Operator) each).operation();
    Inputs in = new Inputs(precision);
    long[] sizes = {group.batch(), tokens, group.width()};
    return switch (operation) {
      case CAUSAL_CONV ->
          new LayerTrial(
              OperatorTrial.convolution(),
              new Group.Component(
                  Role.FEED_FORWARD,
                  ConfigFactory.parseString("type = " + OperatorTrial.CONVOLUTION)),
              group,
              tokens);
      case GATED_RMS_NORM -> OperatorTrial.gatedNorm(in, passes(), forwardAlone, sizes);
      case CROSS_ENTROPY -> OperatorTrial.crossEntropy(in, passes(), forwardAlone, sizes);
      case ADAMW -> new UpdateTrial(in, passes(), group.batch(), tokens, group.width());
    };
  }

  private int passes() {
    return precision.device().is_cuda() ? TIMES_ON_CUDA : 1;
  }

  /** A component with input for it. */
  private final class LayerTrial extends PassTrial {
    private final StandaloneComponent component;
    private final Tensor x;
    private final Tensor arriving;
    private final Tensor tokens;

    LayerTrial(Components types, Group.Component each, Group group, int time) {
      super(passes(), forwardAlone);
      component =
          new StandaloneComponent(
              types, each.role(), each.config(), group.width(), group.width(), precision, 0);
      Inputs inputs = new Inputs(precision);
      x = inputs.leaf(group.batch(), time, group.width());
      arriving = inputs.normal(group.batch(), time, group.width());
      tokens = inputs.tokens(VOCABULARY, group.batch(), time);
    }

    @Override
    Tensor forward() {
      try (ForwardContext forward =
          forwardAlone ? ForwardContext.evaluation() : ForwardContext.training()) {
        forward.about(tokens);
        return component.forward(x, forward);
      }
    }

    @Override
    Tensor gradient() {
      return arriving;
    }

    @Override
    List<Tensor> leaves() {
      List<Tensor> leaves = new ArrayList<>(List.of(x));
      component.parameters().all().forEach(parameter -> leaves.add(parameter.working()));
      return leaves;
    }

    @Override
    public void close() {
      component.close();
      x.close();
      arriving.close();
      tokens.close();
    }
  }
}
