package {{package}};

import dev.hydra.api.FeedForward;
import dev.hydra.api.Pass;
import dev.hydra.libtorch.nn.Linear;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * Computes {@code y = relu(x U)^2 D}, each token on its own (So et al. 2021, arXiv 2109.08668).
 *
 * @param up from [width] to [hidden]
 * @param down from [hidden] to [width]
 */
record {{Name}}FeedForward(Linear up, Linear down) implements FeedForward {
  @Override
  public Tensor forward(Tensor x, Pass pass) {
    return down.apply(torch.relu(up.apply(x)).square());
  }
}
