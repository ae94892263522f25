package dev.hydra.optim;

import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.runtime.Operators;
import dev.hydra.libtorch.runtime.Operators.Operator;
import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/**
 * Adam with decoupled weight decay (Loshchilov and Hutter, arXiv 1711.05101, algorithm 2), through
 * LibTorch's fused operator: one call for the parameters with decay and one for those without.
 *
 * <p>The learning rate and the step counts are tensors on the parameters' device. A CUDA graph that
 * has captured {@link #step()} therefore sees what {@link #learningRate} sets between replays.
 * Every parameter counts its own steps, so one that joins later starts with its own bias
 * correction.
 *
 * <p>Of a parameter with a sparse gradient only the rows that the gradient holds change, and only
 * their moments ("lazy" Adam): a row that no step touches rests, where dense Adam would move it on
 * by its old moments. The moments are tables as large as the parameter; time and further memory go
 * with the rows touched. Such a step cannot be captured.
 *
 * <p>Gradients that are not finite go through to the parameters; whoever calls decides whether to
 * make the step. The optimizer owns its state and is to be closed.
 */
public final class AdamW implements AutoCloseable {
  private static final Operator COUNT = Operators.find("aten::_foreach_add_", "Scalar");

  private final Constants constants;
  private final Tensor learningRate;
  private final Map<String, Moments> moments = new LinkedHashMap<>();
  private final IValue steps;
  private final List<FusedAdamW> groups;
  private final List<OptimizedParameter> tables;

  /**
   * What stays the same from step to step.
   *
   * @param beta1 how much of the gradients' running average a step keeps, in [0, 1)
   * @param beta2 how much of the squared gradients' running average a step keeps, in [0, 1)
   * @param epsilon added to the root of the squares' average
   * @param weightDecay the part of a parameter that a step takes away, times the learning rate
   */
  public record Constants(double beta1, double beta2, double epsilon, double weightDecay) {}

  /**
   * An optimizer before its first step, with a learning rate of zero.
   *
   * @param parameters at least one, with different names, all on one device and of one type; the
   *     optimizer keeps their tensors alive until it is closed
   * @param constants what stays the same
   */
  public AdamW(List<OptimizedParameter> parameters, Constants constants) {
    this(parameters, constants, Map.of());
  }

  /**
   * The same, with what is known of some parameters.
   *
   * @param known by the names of parameters, the {@link #moments} of another optimizer that is
   *     {@linkplain #release released}; this one owns what it uses
   */
  public AdamW(
      List<OptimizedParameter> parameters, Constants constants, Map<String, Moments> known) {
    check(parameters);
    this.constants = constants;
    try (PointerScope scope = new PointerScope()) {
      learningRate = Scopes.own(Tensors.zeros(parameters.get(0).master(), ScalarType.Float));
    }
    for (OptimizedParameter parameter : parameters) {
      Moments own = known.get(parameter.name());
      moments.put(parameter.name(), own == null ? Moments.zeros(parameter.master()) : own);
    }
    steps = Operators.list(moments.values().stream().map(Moments::step).toList());
    tables = parameters.stream().filter(p -> p.gradient().is_sparse()).toList();
    groups =
        Stream.of(true, false)
            .map(decay -> parameters.stream().filter(p -> p.decay() == decay))
            .map(members -> members.filter(p -> !p.gradient().is_sparse()).toList())
            .filter(members -> !members.isEmpty())
            .map(this::group)
            .toList();
  }

  private static void check(List<OptimizedParameter> parameters) {
    if (parameters.isEmpty()) {
      throw new IllegalArgumentException("there is nothing to optimize");
    }
    Set<String> names = new HashSet<>();
    ScalarType type = Tensors.type(parameters.get(0).master());
    for (OptimizedParameter parameter : parameters) {
      if (Tensors.type(parameter.master()) != type) {
        throw new IllegalArgumentException(parameter.name() + " is not " + type + " as the others");
      }
      if (!names.add(parameter.name())) {
        throw new IllegalArgumentException("there are two parameters " + parameter.name());
      }
    }
  }

  private FusedAdamW group(List<OptimizedParameter> members) {
    return FusedAdamW.of(
        members.stream().map(this::member).toList(), members.get(0).decay(), constants);
  }

  private FusedAdamW.Member member(OptimizedParameter parameter) {
    return new FusedAdamW.Member(
        parameter.master(), parameter.gradient(), momentsOf(parameter.name()));
  }

  private Moments momentsOf(String name) {
    Moments own = moments.get(name);
    if (own == null) {
      throw new IllegalArgumentException("there is no optimizer state of " + name);
    }
    return own;
  }

  /** Sets the learning rate of the steps to come. */
  public void learningRate(double rate) {
    try (PointerScope scope = new PointerScope()) {
      learningRate.fill_(new Scalar(rate));
    }
  }

  /** Sets the learning rate and makes a step. */
  public void step(double rate) {
    learningRate(rate);
    step();
  }

  /** Changes the parameters once, by the gradients that stand in their tensors now. */
  public void step() {
    try (Grad off = Grad.off();
        PointerScope scope = new PointerScope()) {
      COUNT.call(steps, 1.0);
      groups.forEach(group -> group.update(learningRate));
      tables.forEach(table -> Scopes.run(() -> updateRows(table)));
    }
  }

  /** The same update of the rows that a sparse gradient holds, taken out and put back. */
  private void updateRows(OptimizedParameter parameter) {
    FusedAdamW.Member table = member(parameter);
    Tensor rows = table.gradient().indices().select(0, 0);
    FusedAdamW.Member touched =
        new FusedAdamW.Member(
            table.master().index_select(0, rows),
            table.gradient().values(),
            new Moments(
                table.moments().step(),
                table.moments().average().index_select(0, rows),
                table.moments().square().index_select(0, rows)));
    try (FusedAdamW update = FusedAdamW.of(List.of(touched), parameter.decay(), constants)) {
      update.update(learningRate);
    }
    table.master().index_copy_(0, rows, touched.master());
    table.moments().average().index_copy_(0, rows, touched.moments().average());
    table.moments().square().index_copy_(0, rows, touched.moments().square());
  }

  /**
   * What the optimizer remembers, by name: {@code NAME.step}, {@code NAME.exp_avg} and {@code
   * NAME.exp_avg_sq} of every parameter. These are the live tensors, which the next step changes
   * and {@link #close()} frees.
   */
  public Map<String, Tensor> exportState() {
    Map<String, Tensor> state = new LinkedHashMap<>();
    moments.forEach((name, own) -> own.export(name, state));
    return state;
  }

  /**
   * Goes back to a state, bit for bit.
   *
   * @param saved all that {@link #exportState()} had then and nothing else, on any device
   * @throws IllegalArgumentException if a name, shape or type differs; then nothing has changed
   */
  public void importState(Map<String, Tensor> saved) {
    Map<String, Tensor> state = exportState();
    for (String name : saved.keySet()) {
      if (!state.containsKey(name)) {
        throw new IllegalArgumentException("there is no optimizer state " + name);
      }
    }
    state.forEach((name, tensor) -> check(name, tensor, saved.get(name)));
    Scopes.run(() -> state.forEach((name, tensor) -> tensor.copy_(saved.get(name))));
  }

  /** What is remembered of every parameter, by name: live, and owned by the optimizer. */
  public Map<String, Moments> moments() {
    return Map.copyOf(moments);
  }

  /** Ends this optimizer, but not its {@link #moments}, which now belong to the caller. */
  public void release() {
    moments.clear();
    close();
  }

  private static void check(String name, Tensor tensor, @Nullable Tensor saved) {
    if (saved == null) {
      throw new IllegalArgumentException("the saved optimizer state lacks " + name);
    }
    if (Tensors.type(saved) != Tensors.type(tensor)
        || !Arrays.equals(Tensors.sizes(saved), Tensors.sizes(tensor))) {
      throw new IllegalArgumentException(
          "the saved optimizer state "
              + name
              + " is "
              + describe(saved)
              + ", but must be "
              + describe(tensor));
    }
  }

  private static String describe(Tensor tensor) {
    return Tensors.type(tensor) + Arrays.toString(Tensors.sizes(tensor));
  }

  @Override
  public void close() {
    groups.forEach(FusedAdamW::close);
    steps.close();
    moments.values().forEach(Moments::close);
    learningRate.close();
  }
}
