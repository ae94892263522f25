package dev.hydra.tck;

import static java.util.Objects.requireNonNull;

import dev.hydra.api.Settings;
import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.optim.OptimizedParameter;
import dev.hydra.optim.Optimizer;
import dev.hydra.optim.OptimizerContext;
import dev.hydra.optim.OptimizerFactory;
import dev.hydra.optim.ParameterState;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Checks of an optimizer, which minimises the distance of some parameters from others. */
record OptimizerChecks(OptimizerFactory factory, Settings settings) {
  private static final double RATE = 0.02;
  private static final int STEPS = 300;

  List<Check> all() {
    return List.of(
        check("a quadratic is lowered", this::quadratic),
        check("a learning rate of zero changes nothing", this::zeroRate),
        check("a step that is skipped changes nothing", this::skipped),
        check("the same steps again", this::determinism),
        check("state moves", this::stateMoves),
        check("state is taken over", this::takenOver),
        check("rows of a sparse gradient", this::sparseRows),
        check("rows read of a dense gradient", this::denseRows),
        check("live handles flat", this::handles));
  }

  private static Check check(String name, Runnable body) {
    return new Check(
        name,
        () -> {
          try (Grad off = Grad.off()) {
            Scopes.run(body);
          }
        });
  }

  private Optimizer optimizer(Quadratic problem, Map<String, ParameterState> known) {
    return factory.create(new OptimizerContext(settings, problem.parameters(), known));
  }

  private static void steps(Optimizer optimizer, Quadratic problem, int count) {
    for (int i = 0; i < count; i++) {
      Scopes.run(
          () -> {
            problem.gradients();
            optimizer.step(RATE);
          });
    }
  }

  private void quadratic() {
    Quadratic problem = new Quadratic();
    double before = problem.distance();
    try (Optimizer optimizer = optimizer(problem, Map.of())) {
      steps(optimizer, problem, STEPS);
    }
    double after = problem.distance();
    ContractViolation.unless(
        after < before / 2,
        STEPS + " steps at " + RATE + " bring the distance from " + before + " to " + after);
  }

  private void zeroRate() {
    Quadratic problem = new Quadratic();
    Quadratic untouched = new Quadratic();
    try (Optimizer optimizer = optimizer(problem, Map.of())) {
      problem.gradients();
      optimizer.step(0);
    }
    problem.same(untouched, "a step at a learning rate of zero");
  }

  private void skipped() {
    Quadratic usual = new Quadratic();
    Quadratic asked = new Quadratic();
    try (Optimizer first = optimizer(usual, Map.of());
        Optimizer second = optimizer(asked, Map.of())) {
      steps(first, usual, 5);
      second.learningRate(RATE);
      for (int i = 0; i < 5; i++) {
        asked.gradients();
        second.stepUnless(torch.zeros());
      }
      usual.same(asked, "5 steps that are not skipped");
      Map<String, Tensor> before = new LinkedHashMap<>();
      second.exportState().forEach((name, tensor) -> before.put(name, tensor.clone()));
      asked.gradients();
      second.stepUnless(torch.ones());
      usual.same(asked, "a step that is skipped");
      second
          .exportState()
          .forEach(
              (name, tensor) ->
                  ContractViolation.unless(
                      tensor.equal(before.get(name)),
                      "state " + name + " is changed by a step that is skipped"));
    }
  }

  private void determinism() {
    Quadratic one = new Quadratic();
    Quadratic other = new Quadratic();
    try (Optimizer first = optimizer(one, Map.of());
        Optimizer second = optimizer(other, Map.of())) {
      steps(first, one, 20);
      steps(second, other, 20);
      one.same(other, "the same 20 steps");
    }
  }

  /** What is exported and imported goes on bit for bit. */
  private void stateMoves() {
    Quadratic whole = new Quadratic();
    Quadratic resumed = new Quadratic();
    try (Optimizer first = optimizer(whole, Map.of())) {
      steps(first, whole, 10);
      Map<String, Tensor> saved = new LinkedHashMap<>();
      first.exportState().forEach((name, tensor) -> saved.put(name, tensor.clone()));
      resumed.load(whole);
      steps(first, whole, 10);
      try (Optimizer second = optimizer(resumed, Map.of())) {
        second.importState(saved);
        steps(second, resumed, 10);
        whole.same(resumed, "10 steps after export and import");
        Map<String, Tensor> expected = first.exportState();
        second
            .exportState()
            .forEach(
                (name, tensor) ->
                    ContractViolation.unless(
                        tensor.equal(expected.get(name)),
                        "state " + name + " differs 10 steps after export and import"));
      }
    }
  }

  /** As in a hot swap: one optimizer ends, the next one goes on with its states and new ones. */
  private void takenOver() {
    Quadratic whole = new Quadratic();
    Quadratic handed = new Quadratic();
    try (Optimizer first = optimizer(whole, Map.of())) {
      steps(first, whole, 20);
    }
    Optimizer before = optimizer(handed, Map.of());
    steps(before, handed, 10);
    Map<String, ParameterState> states = new LinkedHashMap<>(before.states());
    ContractViolation.unless(
        states.keySet().equals(handed.names()),
        "there are states of " + states.keySet() + ", but parameters " + handed.names());
    OptimizedParameter joining = handed.joining();
    ParameterState fresh = before.initialState(joining);
    ContractViolation.unless(
        fresh
            .tensors()
            .keySet()
            .equals(requireNonNull(states.get(Quadratic.MATRIX)).tensors().keySet()),
        "a new parameter like another one has other state: " + fresh.tensors().keySet());
    states.put(joining.name(), fresh);
    before.release();
    Quadratic more = handed.with(joining);
    try (Optimizer after = optimizer(more, states)) {
      steps(after, more, 10);
      whole.same(handed, "10 steps after another optimizer has taken over");
    }
  }

  /** Of a table only the rows that its gradient holds change. */
  private void sparseRows() {
    Tensor table = torch.ones(8, 3);
    Tensor rows = Tensor.create(new long[] {2, 5}, 1, 2);
    Tensor gradient =
        torch.sparse_coo_tensor(rows, torch.ones(2, 3), Tensors.sizes(table)).coalesce();
    OptimizedParameter parameter = new OptimizedParameter("table", table, gradient, false);
    OptimizerContext context = new OptimizerContext(settings, List.of(parameter), Map.of());
    try (Optimizer optimizer = factory.create(context)) {
      optimizer.step(RATE);
    }
    for (int row = 0; row < 8; row++) {
      boolean changed = !table.select(0, row).equal(torch.ones(3));
      boolean held = row == 2 || row == 5;
      ContractViolation.unless(
          changed == held,
          "row "
              + row
              + (held ? ", which the gradient holds, stays" : " changes, but is not held"));
    }
  }

  /** Of a table whose gradient is dense, only the rows that were read change, step by step. */
  private void denseRows() {
    if (!factory.takesDenseTables()) {
      return;
    }
    Tensor table = torch.ones(8, 3);
    Tensor gradient = torch.zeros(8, 3);
    Tensor read = Tensors.zeros(table, ScalarType.Bool, 8);
    OptimizedParameter parameter =
        new OptimizedParameter(
            "table", table, gradient, Optional.empty(), false, Optional.of(read));
    OptimizerContext context = new OptimizerContext(settings, List.of(parameter), Map.of());
    try (Optimizer optimizer = factory.create(context)) {
      for (long[] rows : new long[][] {{2, 5}, {5, 6}}) {
        Tensor held = Tensor.create(rows);
        gradient.zero_().index_fill_(0, held, new Scalar(1.0));
        read.zero_().index_fill_(0, held, new Scalar(1.0));
        Tensor before = table.clone();
        optimizer.step(RATE);
        ContractViolation.unless(
            table.ne(before).any(1).equal(read),
            "other rows than "
                + Arrays.toString(rows)
                + ", which were read, change, or one of these stays");
      }
    }
  }

  private void handles() {
    Quadratic problem = new Quadratic();
    try (Optimizer first = optimizer(problem, Map.of())) {
      steps(first, problem, 2);
    }
    long before = Scopes.liveHandles();
    Optimizer optimizer = optimizer(problem, Map.of());
    steps(optimizer, problem, 5);
    long during = Scopes.liveHandles();
    steps(optimizer, problem, 50);
    long grown = Scopes.liveHandles() - during;
    optimizer.close();
    ContractViolation.unless(grown <= 0, "50 steps leave " + grown + " more live handles");
    long left = Scopes.liveHandles() - before;
    ContractViolation.unless(left <= 0, left + " live handles are left when it is closed");
  }

  /** Half the squared distance of parameters from where they should be. */
  static final class Quadratic {
    static final String MATRIX = "matrix";
    private final Map<String, OptimizedParameter> parameters = new LinkedHashMap<>();
    private final Map<String, Tensor> targets = new LinkedHashMap<>();

    Quadratic() {
      add(MATRIX, true, 6, 4);
      add("bias", false, 5);
      add("scalar", false);
    }

    private void add(String name, boolean decay, long... shape) {
      Tensor value = torch.ones(shape);
      parameters.put(name, new OptimizedParameter(name, value, torch.zeros_like(value), decay));
      Tensor numbers = torch.arange(new Scalar(value.numel()));
      targets.put(name, numbers.to(ScalarType.Float).reshape(shape).sin());
    }

    List<OptimizedParameter> parameters() {
      return List.copyOf(parameters.values());
    }

    Set<String> names() {
      return parameters.keySet();
    }

    OptimizedParameter joining() {
      Tensor value = torch.ones(6, 4);
      return new OptimizedParameter("joining", value, torch.zeros_like(value), true);
    }

    /** The same parameters and one more. */
    Quadratic with(OptimizedParameter more) {
      Quadratic all = new Quadratic();
      all.parameters.putAll(parameters);
      all.parameters.put(more.name(), more);
      all.targets.put(more.name(), torch.zeros_like(more.master()));
      return all;
    }

    void gradients() {
      parameters.forEach(
          (name, each) -> each.gradient().copy_(each.master().sub(targets.get(name))));
    }

    double distance() {
      double sum = 0;
      for (OptimizedParameter each : parameters.values()) {
        sum += Tensors.number(each.master().sub(targets.get(each.name())).square().sum());
      }
      return sum;
    }

    private Tensor master(String name) {
      return requireNonNull(parameters.get(name)).master();
    }

    void load(Quadratic other) {
      parameters.forEach((name, each) -> each.master().copy_(other.master(name)));
    }

    void same(Quadratic other, String what) {
      parameters.forEach(
          (name, each) ->
              ContractViolation.unless(
                  each.master().equal(other.master(name)), what + " give another " + name));
    }
  }
}
