package dev.hydra.mixer.mamba;

import dev.hydra.api.Init;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;

/** How Mamba starts the parameters of its dynamics (arXiv 2312.00752 section 3.6, 2405.21060). */
final class StepInit {
  private static final double FLOOR = 1e-4;

  private StepInit() {}

  /** {@code A_log}: the logarithm of a decay rate uniform in [1, 16). */
  static Init decayRates() {
    Init uniform = Init.uniform(1, 16);
    return (parameter, generator) -> {
      uniform.fill(parameter, generator);
      parameter.log_();
    };
  }

  /**
   * {@code dt_bias}: what softplus turns into a step log-uniform in [min, max), but no smaller than
   * 1e-4.
   */
  static Init stepBias(double min, double max) {
    Init uniform = Init.uniform(Math.log(min), Math.log(max));
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
