package dev.hydra.router.topk;

import dev.hydra.api.Pass;
import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.runtime.Tensors;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * The auxiliary losses of a router, and what it reports about its load.
 *
 * @param balanceLoss coefficient of the load balancing loss, 0 for none
 * @param zLoss coefficient of the router z-loss, 0 for none
 */
record Balance(double balanceLoss, double zLoss) {
  private static final String BALANCE = "balance";
  private static final String Z = "router-z";
  private static final String LOAD = "load";
  private static final String ENTROPY = "entropy";

  /**
   * Gives the losses to a training pass and the load to an observing one.
   *
   * @param logits [batch, time, experts]
   * @param scores what they became, [batch, time, experts]
   * @param experts the chosen ones [batch, time, k]
   */
  void report(Tensor logits, Tensor scores, Tensor experts, Pass pass) {
    if (pass.training() && balanceLoss > 0) {
      Tensor loss = imbalance(Score.normalize(scores), experts);
      pass.auxiliaryLoss(BALANCE, Tensors.mul(loss, balanceLoss));
    }
    if (pass.training() && zLoss > 0) {
      pass.auxiliaryLoss(Z, Tensors.mul(logitSize(logits), zLoss));
    }
    if (pass.observing()) {
      try (Grad off = Grad.off()) {
        pass.observe(LOAD, Load.shares(experts, scores));
        pass.observe(ENTROPY, torch.special_entr(Score.normalize(scores)).sum(-1).mean());
      }
    }
  }

  /** The same of what kernels have computed. */
  void report(FusedChoice.Chosen chosen, Pass pass) {
    if (pass.training() && balanceLoss > 0) {
      pass.auxiliaryLoss(BALANCE, chosen.balanceLoss());
    }
    if (pass.training() && zLoss > 0) {
      pass.auxiliaryLoss(Z, chosen.zLoss());
    }
    if (pass.observing()) {
      pass.observe(LOAD, Tensors.mul(chosen.counts(), 1.0 / chosen.experts().numel()));
      pass.observe(ENTROPY, chosen.entropy());
    }
  }

  /**
   * Switch Transformer (arXiv 2101.03961) eq. 4 without its coefficient: N sum f_i P_i, where f_i
   * (eq. 5) is the share of the choices that fell on expert i, and P_i (eq. 6) its mean
   * probability. 1 at perfect balance for any k, since the f_i add up to one.
   */
  private static Tensor imbalance(Tensor probabilities, Tensor experts) {
    Tensor meanProbability = probabilities.mean(0, 1);
    Tensor loss = Load.shares(experts, probabilities).mul(meanProbability).sum();
    return Tensors.mul(loss, (double) probabilities.size(-1));
  }

  /** ST-MoE (arXiv 2202.08906) eq. 5: the mean square of the logits' log-sum-exp. */
  private static Tensor logitSize(Tensor logits) {
    return logits.logsumexp(-1).square().mean();
  }
}
