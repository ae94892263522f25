package dev.hydra.tck;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.hydra.api.HydraPlugin;
import dev.hydra.api.Option;
import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.optim.AdamWFactory;
import dev.hydra.optim.OptimizedParameter;
import dev.hydra.optim.Optimizer;
import dev.hydra.optim.OptimizerContext;
import dev.hydra.optim.OptimizerFactory;
import dev.hydra.optim.ParameterState;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;

/** The checks of optimizers find planted faults; sound ones pass. */
class PlantedOptimizersTest {
  private static final String QUADRATIC = "a quadratic is lowered";
  private static final String ZERO_RATE = "a learning rate of zero changes nothing";
  private static final String SKIPPED = "a step that is skipped changes nothing";
  private static final String MOVES = "state moves";
  private static final String TAKEN_OVER = "state is taken over";
  private static final String ROWS = "rows of a sparse gradient";
  private static final String DENSE_ROWS = "rows read of a dense gradient";
  private static final String HANDLES = "live handles flat";

  private static void assertFails(Function<OptimizerContext, Optimizer> maker, String... checks) {
    assertEquals(Set.of(checks), PlantedKindsTest.failing(new Planted(maker, false), ""));
  }

  @Test
  void soundOnes() {
    assertEquals(Set.of(), PlantedKindsTest.failing(new AdamWFactory(), ""));
    assertEquals(
        Set.of(), PlantedKindsTest.failing(new AdamWFactory(), "weight-decay = 0, beta1 = 0"));
    assertFails(Momentum::new);
  }

  @Test
  void oneThatClimbs() {
    assertFails(
        from ->
            new Momentum(from) {
              @Override
              public void learningRate(double rate) {
                super.learningRate(-rate);
              }
            },
        QUADRATIC);
  }

  @Test
  void oneThatDoesNotHeedTheRate() {
    assertFails(
        from ->
            new Momentum(from) {
              @Override
              public void learningRate(double rate) {
                super.learningRate(0.01);
              }
            },
        ZERO_RATE);
  }

  @Test
  void oneThatDoesNotSkip() {
    assertFails(
        from ->
            new Momentum(from) {
              @Override
              public void stepUnless(Tensor skip) {
                step();
              }
            },
        SKIPPED);
  }

  @Test
  void oneThatDoesNotTellItsState() {
    assertFails(
        from ->
            new Momentum(from) {
              @Override
              public Map<String, Tensor> exportState() {
                return Map.of();
              }
            },
        MOVES);
  }

  @Test
  void oneThatBeginsAnew() {
    assertFails(
        from -> new Momentum(new OptimizerContext(from.settings(), from.parameters(), Map.of())),
        TAKEN_OVER);
  }

  @Test
  void oneThatMovesAllRows() {
    assertFails(
        from ->
            new Momentum(from) {
              @Override
              void sparse(OptimizedParameter table, double rate) {
                table.master().sub_(Tensors.mul(torch.ones_like(table.master()), rate));
              }
            },
        ROWS);
  }

  /** Momentum goes on with rows that were read before. */
  @Test
  void oneThatTakesDenseTablesForOtherParameters() {
    assertEquals(
        Set.of(DENSE_ROWS), PlantedKindsTest.failing(new Planted(Momentum::new, true), ""));
  }

  @Test
  void oneThatLeavesTensorsBehind() {
    assertFails(
        from ->
            new Momentum(from) {
              @Override
              public void step() {
                super.step();
                left.add(Scopes.own(torch.ones(1)));
              }

              private final List<Tensor> left = new java.util.ArrayList<>();
            },
        HANDLES);
  }

  /** Makes what it is told to. */
  @HydraPlugin("planted")
  record Planted(Function<OptimizerContext, Optimizer> maker, boolean takesDenseTables)
      implements OptimizerFactory {
    @Override
    public List<Option<?>> options() {
      return List.of();
    }

    @Override
    public Optimizer create(OptimizerContext from) {
      return maker.apply(from);
    }
  }

  /** Gradient descent with momentum. */
  static class Momentum implements Optimizer {
    private static final String BUFFER = "momentum_buffer";
    private final List<OptimizedParameter> parameters;
    private final Map<String, ParameterState> states = new LinkedHashMap<>();
    private double rate;

    Momentum(OptimizerContext from) {
      parameters = from.parameters();
      for (OptimizedParameter each : parameters) {
        ParameterState known = from.known().get(each.name());
        states.put(each.name(), known == null ? initialState(each) : known);
      }
    }

    @Override
    public void learningRate(double newRate) {
      rate = newRate;
    }

    @Override
    public void step() {
      try (Grad off = Grad.off()) {
        Scopes.run(() -> parameters.forEach(this::update));
      }
    }

    private void update(OptimizedParameter parameter) {
      if (parameter.gradient().is_sparse()) {
        sparse(parameter, rate);
        return;
      }
      Tensor buffer = states.get(parameter.name()).get(BUFFER);
      buffer.copy_(Tensors.mul(buffer, 0.5).add(parameter.gradient()));
      parameter.master().sub_(Tensors.mul(buffer, rate));
    }

    void sparse(OptimizedParameter table, double by) {
      Tensor rows = table.gradient().indices().select(0, 0);
      Tensor moved =
          table.master().index_select(0, rows).sub(Tensors.mul(table.gradient().values(), by));
      table.master().index_copy_(0, rows, moved);
    }

    @Override
    public Map<String, ParameterState> states() {
      return states;
    }

    @Override
    public ParameterState initialState(OptimizedParameter parameter) {
      Tensor[] zeros = new Tensor[1];
      Scopes.run(() -> zeros[0] = Scopes.own(torch.zeros_like(parameter.master())));
      return new ParameterState(Map.of(BUFFER, zeros[0]));
    }

    @Override
    public void release() {
      states.clear();
    }

    @Override
    public void close() {
      states.values().forEach(ParameterState::close);
    }
  }
}
