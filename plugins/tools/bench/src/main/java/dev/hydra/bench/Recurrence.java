package dev.hydra.bench;

import dev.hydra.libtorch.autograd.Backward;
import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;

/**
 * A state space as it is written down, token by token on LibTorch's operators, with their autograd:
 * {@code h = exp(dt A) h + dt x B^T, y = h C}. It is what chunked algorithms are compared with, and
 * does less than a mixer: no projection, convolution, gate or norm.
 */
final class Recurrence implements Trial {
  private static final int HEAD_DIM = 64;
  private static final int STATE = 128;

  private final Tensor x;
  private final Tensor dt;
  private final Tensor rate;
  private final Tensor b;
  private final Tensor c;
  private final Tensor weights;

  /** With as many heads of 64 channels, and a state of 128, as a Mamba-2 of that width has. */
  Recurrence(Inputs inputs, int batch, int time, int width) {
    int heads = Math.max(1, 2 * width / HEAD_DIM);
    x = inputs.leaf(batch, time, heads, HEAD_DIM);
    dt = inputs.leaf(batch, time, heads);
    rate = inputs.leaf(heads);
    b = inputs.leaf(batch, time, STATE);
    c = inputs.leaf(batch, time, STATE);
    weights = inputs.normal(batch, time, heads, HEAD_DIM);
  }

  /** Forward and backward. */
  @Override
  public void run() {
    Scopes.run(
        () -> {
          Tensor steps = torch.softplus(dt);
          Tensor decay = steps.mul(rate.exp().neg()).exp().unsqueeze(-1).unsqueeze(-1);
          Tensor added = x.mul(steps.unsqueeze(-1)).unsqueeze(-1);
          Tensor state = Tensors.zeros(x, x.size(0), x.size(2), HEAD_DIM, STATE);
          TensorVector outputs = new TensorVector();
          for (long t = 0; t < x.size(1); t++) {
            Tensor input = added.select(1, t).mul(row(b, t));
            state = state.mul(decay.select(1, t)).add(input);
            outputs.push_back(state.mul(row(c, t)).sum(-1));
          }
          Backward.run(torch.stack(outputs, 1).mul(weights).sum());
        });
  }

  private static Tensor row(Tensor tensor, long t) {
    return tensor.select(1, t).unsqueeze(1).unsqueeze(1);
  }

  @Override
  public void close() {
    for (Tensor each : new Tensor[] {x, dt, rate, b, c, weights}) {
      each.close();
    }
  }
}
