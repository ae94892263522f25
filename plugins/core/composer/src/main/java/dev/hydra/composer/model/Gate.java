package dev.hydra.composer.model;

import dev.hydra.api.Init;
import dev.hydra.api.ParameterSpec;
import dev.hydra.composer.spec.GateSpec;
import dev.hydra.libtorch.runtime.Tensors;
import org.bytedeco.pytorch.Tensor;

/** Scales what a path adds to the residual stream; see {@link GateSpec}. */
@FunctionalInterface
interface Gate {
  /**
   * A learned gate starts at sigmoid(-2) = 0.12, near the paper's 0.15 for a path that is not the
   * backbone, and the same for all tokens.
   */
  double LEARNED_BIAS = -2;

  /** Leaves it as it is. */
  Gate NONE = (y, normed, pass) -> y;

  /**
   * The same factor for all tokens.
   *
   * @param factor [1], in the master type
   */
  record Scalar(Tensor factor) implements Gate {
    @Override
    public Tensor apply(Tensor y, Tensor normed, SitePass pass) {
      return y.mul(factor);
    }
  }

  /**
   * A factor of each token, {@code sigmoid(weight . normed + bias)}.
   *
   * @param weight [1, width], in the master type
   * @param bias [1], in the master type
   * @param cost see {@link GateSpec.Learned}
   */
  record Learned(Tensor weight, Tensor bias, double cost) implements Gate {
    private static final String COST = "gate-cost";

    @Override
    public Tensor apply(Tensor y, Tensor normed, SitePass pass) {
      Tensor beta = beta(normed);
      observe(beta, pass);
      return y.mul(beta);
    }

    /** Adds its cost to the loss of a training step, whichever way the gate itself is computed. */
    void charge(Tensor normed, SitePass pass) {
      if (cost > 0 && pass.training()) {
        pass.auxiliaryLoss(COST, Tensors.mul(beta(normed).mean(), cost));
      }
    }

    private Tensor beta(Tensor normed) {
      return Tensors.linear(Tensors.cast(normed, Tensors.type(weight)), weight, bias).sigmoid();
    }
  }

  /** Reports the factors: [1], or [batch, time, 1] where tokens have their own. */
  static void observe(Tensor factors, SitePass pass) {
    if (pass.observing()) {
      pass.observe("gate", factors.detach());
    }
  }

  /**
   * Scales the output of a path.
   *
   * @param y the path's output [batch, time, width] in the master type
   * @param normed the path's input, in the compute type
   */
  Tensor apply(Tensor y, Tensor normed, SitePass pass);

  /** Creates the gate of the path at {@code path}. */
  static Gate of(GateSpec spec, ParameterSource parameters, String path, int width) {
    if (spec instanceof GateSpec.Scalar scalar) {
      Tensor gate = parameters.borrow(path, scalar(path, scalar.initial()));
      return new Scalar(gate);
    } else if (spec instanceof GateSpec.Learned learned) {
      Tensor weight =
          parameters.borrow(
              path + ".weight", ParameterSpec.of("weight", Init.zeros(), 1, width).inFp32());
      Tensor bias = parameters.borrow(path + ".bias", scalar("bias", LEARNED_BIAS));
      return new Learned(weight, bias, learned.cost());
    }
    return NONE;
  }

  private static ParameterSpec scalar(String name, double value) {
    return ParameterSpec.of(name, Init.constant(value), 1).inFp32();
  }
}
