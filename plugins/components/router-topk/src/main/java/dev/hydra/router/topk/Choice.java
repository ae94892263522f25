package dev.hydra.router.topk;

import dev.hydra.api.Option;
import dev.hydra.api.Pass;
import dev.hydra.api.Routing;
import dev.hydra.api.Site;
import java.util.List;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;

/**
 * What both routers do with logits: choose the k best experts, weigh them, keep the load balanced.
 *
 * @param topK experts per token
 * @param score what logits become
 * @param normalize whether the weights of the chosen experts are scaled to a sum of one
 * @param balance the losses that keep the load balanced
 * @param bias what keeps it balanced without a loss
 */
record Choice(int topK, Score score, boolean normalize, Balance balance, Optional<LoadBias> bias) {
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
  static final Option<Double> BIAS_RATE =
      Option.decimal(
              "bias-rate",
              "balance without a loss: how far a step moves the bias by which an expert of little"
                  + " load is preferred (arXiv 2408.15664 takes 0.001); 0 for no bias")
          .atLeast(0.0)
          .orElse(0.0);
  static final List<Option<?>> OPTIONS =
      List.of(TOP_K, SCORE, NORMALIZE, BALANCE_LOSS, Z_LOSS, BIAS_RATE);

  static Choice of(Site site) {
    double rate = site.get(BIAS_RATE);
    return new Choice(
        checked(TOP_K, site),
        site.get(SCORE),
        site.get(NORMALIZE),
        new Balance(site.get(BALANCE_LOSS), site.get(Z_LOSS)),
        rate == 0 ? Optional.empty() : Optional.of(LoadBias.of(site, rate)));
  }

  /** The number of experts per token, which there must be. */
  static int checked(Option<Integer> option, Site site) {
    int topK = site.get(option);
    if (topK > site.outputs()) {
      throw site.invalid(
          option, "must be at most the number of experts, " + site.outputs() + ", but is " + topK);
    }
    return topK;
  }

  /**
   * Chooses, and reports losses and load to the pass.
   *
   * @param logits [batch, time / span, experts]
   * @param span tokens that each row of them is for
   */
  Routing choose(Tensor logits, int span, Pass pass) {
    return FusedChoice.compute(this, logits)
        .map(chosen -> report(chosen, span, pass))
        .orElseGet(() -> plain(logits, span, pass));
  }

  private Routing report(FusedChoice.Chosen chosen, int span, Pass pass) {
    balance.report(chosen, pass);
    bias.ifPresent(known -> known.adjust(chosen.counts(), chosen.experts().numel(), pass));
    return new Routing(chosen.experts(), chosen.weights(), span);
  }

  /** The same by LibTorch's operators. */
  Routing plain(Tensor logits, int span, Pass pass) {
    Tensor scores = score.of(logits);
    Tensor preferred = bias.isPresent() ? bias.get().add(scores) : scores.detach();
    Tensor experts = preferred.topk(topK, -1, true, true).get1();
    Tensor weights = scores.gather(-1, experts);
    balance.report(logits, scores, experts, pass);
    bias.ifPresent(known -> known.adjust(Load.counts(experts, scores), experts.numel(), pass));
    return new Routing(experts, normalize ? Score.normalize(weights) : weights, span);
  }

  /** As kernels take it: 1 where scores are sigmoids. */
  int isSigmoid() {
    return score == Score.SIGMOID ? 1 : 0;
  }

  /** As kernels take it: 1 where weights are scaled. */
  int isNormalized() {
    return normalize ? 1 : 0;
  }
}
