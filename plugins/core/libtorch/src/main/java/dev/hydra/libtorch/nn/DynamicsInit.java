package dev.hydra.libtorch.nn;

import dev.hydra.api.Init;
import dev.hydra.libtorch.runtime.Tensors;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;

/**
 * Initialises the parameters of the dynamics of Mamba and what followed it (arXiv 2312.00752
 * section 3.6, 2405.21060).
 */
public final class DynamicsInit {
  private static final double FLOOR = 1e-4;

  private DynamicsInit() {}

  /** Fills {@code A_log} with the logarithm of a decay rate uniform in [1, 16). */
  public static Init decayRates() {
    Init uniform = Init.uniform(1, 16);
    return (parameter, generator) -> {
      uniform.fill(parameter, generator);
      parameter.log_();
    };
  }

  /**
   * Fills {@code A_log} [channels, state] with the logarithms of 1, 2, ... state in every channel.
   */
  public static Init decayLadder() {
    return (parameter, generator) -> {
      try (PointerScope scope = new PointerScope()) {
        Tensor rates = Tensors.range(1, parameter.size(1) + 1, parameter);
        parameter.copy_(rates.to(Tensors.type(parameter)).log_());
      }
    };
  }

  /**
   * Fills the bias of dt with what softplus turns into a step log-uniform in [smallest, largest),
   * but no smaller than 1e-4.
   */
  public static Init stepBias(double smallest, double largest) {
    Init uniform = Init.uniform(Math.log(smallest), Math.log(largest));
    return (parameter, generator) -> {
      uniform.fill(parameter, generator);
      try (Scalar floor = new Scalar(FLOOR)) {
        parameter.exp_().clamp_min_(floor);
      }
      // softplus^-1(s) = log(e^s - 1) = s + log(1 - e^-s); the second form does not cancel.
      try (Tensor rest = parameter.neg()) {
        parameter.add_(rest.expm1_().neg_().log_());
      }
    };
  }
}
