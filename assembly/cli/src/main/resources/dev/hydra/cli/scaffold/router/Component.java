package {{package}};

import dev.hydra.api.Pass;
import dev.hydra.api.Router;
import dev.hydra.api.Routing;
import dev.hydra.libtorch.runtime.Tensors;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * Scores the experts by a softmax over a linear map and chooses the {@code topK} best of each token;
 * their weights are their scores, scaled to a sum of one (Shazeer et al. 2017, arXiv 1701.06538).
 *
 * @param weight float32 [experts, width]
 * @param topK experts per token
 * @param balanceLoss coefficient of the load balancing loss, 0 for none
 */
record {{Name}}Router(Tensor weight, int topK, double balanceLoss) implements Router {
  @Override
  public Routing route(Tensor x, Pass pass) {
    Tensor scores = Tensors.linear(Tensors.upcast(x), weight).softmax(-1);
    Tensor experts = scores.detach().topk(topK, -1, true, true).get1();
    if (pass.training() && balanceLoss > 0) {
      pass.auxiliaryLoss("balance", Tensors.mul(imbalance(scores, experts), balanceLoss));
    }
    Tensor chosen = scores.gather(-1, experts);
    return new Routing(experts, chosen.div(chosen.sum(-1).unsqueeze(-1)));
  }

  /**
   * Computes N sum f_i P_i (Switch Transformer, arXiv 2101.03961, eq. 4), where f_i is the share of
   * the choices that fell on expert i and P_i its mean score: 1 at perfect balance.
   */
  private static Tensor imbalance(Tensor scores, Tensor experts) {
    try (Scalar share = new Scalar(1.0 / experts.numel())) {
      Tensor shares = torch.zeros_like(scores.detach()).scatter_(-1, experts, share).sum(0, 1);
      return Tensors.mul(shares.mul(scores.mean(0, 1)).sum(), (double) scores.size(-1));
    }
  }
}
