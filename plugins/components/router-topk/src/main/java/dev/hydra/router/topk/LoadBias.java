package dev.hydra.router.topk;

import dev.hydra.api.Init;
import dev.hydra.api.ParameterSpec;
import dev.hydra.api.Pass;
import dev.hydra.api.Site;
import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.runtime.Tensors;
import org.bytedeco.pytorch.Tensor;

/**
 * Balances the load without a loss (arXiv 2408.15664, algorithm 1): each expert has a bias that is
 * added to its scores when experts are chosen, and only then. After a training step the bias of
 * every expert with less than the mean load rises by {@code rate}, that of every expert with more
 * falls by as much; of several forwards in a step the moves are averaged. No gradient is involved,
 * so none disturbs the model's.
 *
 * @param bias float32 [experts], frozen: it moves by {@link Pass#adjust} only
 * @param rate how far it moves in a step
 */
record LoadBias(Tensor bias, double rate) {
  private static final String NAME = "bias";

  static LoadBias of(Site site, double rate) {
    ParameterSpec spec = ParameterSpec.of(NAME, Init.zeros(), site.outputs()).inFp32().frozen();
    return new LoadBias(site.parameter(spec), rate);
  }

  /** What the choice is made by, without gradient: scores [batch, time, experts] with the bias. */
  Tensor add(Tensor scores) {
    return scores.detach().add(bias);
  }

  /**
   * Moves the bias of a training pass.
   *
   * @param counts how many choices fell on each expert [experts]
   * @param choices how many there were
   */
  void adjust(Tensor counts, long choices, Pass pass) {
    if (!pass.training()) {
      return;
    }
    try (Grad off = Grad.off()) {
      Tensor missing = Tensors.add(counts.neg(), (double) choices / counts.size(0));
      pass.adjust(NAME, Tensors.cast(Tensors.mul(missing.sign(), rate), Tensors.type(bias)));
    }
  }
}
