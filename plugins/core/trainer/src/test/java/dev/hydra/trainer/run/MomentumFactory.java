package dev.hydra.trainer.run;

import dev.hydra.api.HydraPlugin;
import dev.hydra.api.Option;
import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.optim.OptimizedParameter;
import dev.hydra.optim.Optimizer;
import dev.hydra.optim.OptimizerContext;
import dev.hydra.optim.OptimizerFactory;
import dev.hydra.optim.ParameterState;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * An optimizer as a plugin may bring it: gradient descent with momentum, whose state has a bfloat16
 * tensor of the parameter's shape, a count of steps, and a tensor of another shape.
 */
@HydraPlugin("momentum")
final class MomentumFactory implements OptimizerFactory {
  private static final Option<Double> MOMENTUM =
      Option.decimal("momentum", "how much of the buffer a step keeps").orElse(0.9);

  @Override
  public List<Option<?>> options() {
    return List.of(MOMENTUM);
  }

  @Override
  public Optimizer create(OptimizerContext from) {
    return new Momentum(from, from.settings().get(MOMENTUM));
  }

  private static final class Momentum implements Optimizer {
    private static final String BUFFER = "momentum_buffer";
    private static final String STEP = "step";
    private static final String SIZE = "size";

    private final List<OptimizedParameter> parameters;
    private final double momentum;
    private final Map<String, ParameterState> states = new LinkedHashMap<>();
    private double rate;

    Momentum(OptimizerContext from, double momentum) {
      this.parameters = from.parameters();
      this.momentum = momentum;
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
        parameters.forEach(each -> Scopes.run(() -> update(each)));
      }
    }

    private void update(OptimizedParameter parameter) {
      ParameterState state = states.get(parameter.name());
      Tensor gradient = parameter.gradient().to_dense();
      Tensor buffer = Tensors.mul(state.get(BUFFER).to(ScalarType.Float), momentum).add(gradient);
      state.get(BUFFER).copy_(buffer);
      state.get(STEP).add_(new Scalar(1.0));
      state.get(SIZE).add_(buffer.abs().mean());
      parameter.master().sub_(Tensors.mul(buffer, rate));
    }

    @Override
    public Map<String, ParameterState> states() {
      return Map.copyOf(states);
    }

    @Override
    public ParameterState initialState(OptimizedParameter parameter) {
      try (PointerScope scope = new PointerScope()) {
        Tensor master = parameter.master();
        return new ParameterState(
            Map.of(
                BUFFER,
                Scopes.own(torch.zeros_like(master).to(ScalarType.BFloat16)),
                STEP,
                Scopes.own(Tensors.zeros(master, ScalarType.Float)),
                SIZE,
                Scopes.own(Tensors.zeros(master, ScalarType.Float, 1))));
      }
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
