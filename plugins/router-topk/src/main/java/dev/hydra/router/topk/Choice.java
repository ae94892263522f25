package dev.hydra.router.topk;

import dev.hydra.api.Option;
import dev.hydra.api.Pass;
import dev.hydra.api.Routing;
import dev.hydra.api.Site;
import java.util.List;
import org.bytedeco.pytorch.T_TensorTensor_T;
import org.bytedeco.pytorch.Tensor;

/**
 * What both routers do with logits: choose the k best experts, weigh them, keep the load balanced.
 *
 * @param topK experts per token
 * @param score what logits become
 * @param normalize whether the weights of the chosen experts are scaled to a sum of one
 * @param balance the losses that keep the load balanced
 */
record Choice(int topK, Score score, boolean normalize, Balance balance) {
  static final Option<Integer> TOP_K =
      Option.integer("top-k", "experts per token").atLeast(1).orElse(2);
  static final Option<Score> SCORE =
      Option.choice("score", Score.class, "what the logits become").orElse(Score.SOFTMAX);
  static final Option<Boolean> NORMALIZE =
      Option.flag("normalize", "scale the weights of the chosen experts to a sum of one")
          .orElse(true);
  static final Option<Double> BALANCE_LOSS =
      Option.decimal("balance-loss", "coefficient of the load balancing loss; 0 for none")
          .atLeast(0.0)
          .orElse(0.01);
  static final Option<Double> Z_LOSS =
      Option.decimal("z-loss", "coefficient of the loss on large logits; 0 for none")
          .atLeast(0.0)
          .orElse(0.001);
  static final List<Option<?>> OPTIONS = List.of(TOP_K, SCORE, NORMALIZE, BALANCE_LOSS, Z_LOSS);

  static Choice of(Site site) {
    int topK = site.get(TOP_K);
    if (topK > site.outputs()) {
      throw site.invalid(
          TOP_K, "must be at most the number of experts, " + site.outputs() + ", but is " + topK);
    }
    return new Choice(
        topK,
        site.get(SCORE),
        site.get(NORMALIZE),
        new Balance(site.get(BALANCE_LOSS), site.get(Z_LOSS)));
  }

  /** Chooses by the logits [batch, time, experts], and reports losses and load to the pass. */
  Routing choose(Tensor logits, Pass pass) {
    Tensor scores = score.of(logits);
    T_TensorTensor_T best = scores.topk(topK, -1, true, true);
    Tensor weights = best.get0();
    Tensor experts = best.get1();
    balance.report(logits, scores, experts, pass);
    return new Routing(experts, normalize ? Score.normalize(weights) : weights);
  }
}
