package dev.hydra.mixer.mamba;

import static java.util.Objects.requireNonNull;

import dev.hydra.libtorch.runtime.Tensors;
import java.util.Map;
import org.bytedeco.pytorch.T_TensorTensor_T;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * A mixture of state-space experts as its formulas say it: every expert projects every token, those
 * not chosen weigh nothing, and the recurrence goes token by token.
 */
final class DenseMossNet {
  private final Map<String, Tensor> parameters;
  private final int topK;

  DenseMossNet(Map<String, Tensor> parameters, int topK) {
    this.parameters = parameters;
    this.topK = topK;
  }

  Tensor forward(Tensor hidden) {
    Tensor weights = weights(hidden);
    Tensor projected = mix(hidden, weights, "in_proj.weight");
    if (parameters.containsKey("in_proj.bias")) {
      projected = projected.add(get("in_proj.bias"));
    }
    Tensor decayLog = get("A_log");
    long inner = decayLog.size(0);
    long state = decayLog.size(1);
    Tensor x = convolved(Tensors.slice(projected, 2, 0, inner));
    Tensor z = Tensors.slice(projected, 2, inner, 2 * inner);

    Tensor selected = mix(x, weights, "x_proj.weight");
    long rank = selected.size(2) - 2 * state;
    Tensor dt = normed(Tensors.slice(selected, 2, 0, rank), "dt_layernorm.weight");
    Tensor b = normed(Tensors.slice(selected, 2, rank, rank + state), "b_layernorm.weight");
    Tensor c =
        normed(Tensors.slice(selected, 2, rank + state, rank + 2 * state), "c_layernorm.weight");
    Tensor steps = mix(dt, weights, "dt_proj.weight").add(get("dt_proj.bias")).exp().log1p();

    Tensor y = scan(x, steps, decayLog.exp().neg(), b, c).add(x.mul(get("D")));
    Tensor out = y.mul(z.mul(z.sigmoid())).matmul(get("out_proj.weight").t());
    return parameters.containsKey("out_proj.bias") ? out.add(get("out_proj.bias")) : out;
  }

  /** [batch, time, experts]: zero where an expert is not chosen. */
  private Tensor weights(Tensor hidden) {
    Tensor probabilities = hidden.matmul(get("router.weight").t()).softmax(-1);
    T_TensorTensor_T best = probabilities.topk(topK);
    Tensor kept = best.get0().div(best.get0().sum(-1).unsqueeze(-1));
    return torch.zeros_like(probabilities).scatter(-1, best.get1(), kept);
  }

  private Tensor mix(Tensor x, Tensor weights, String name) {
    Tensor matrices = get(name);
    Tensor sum = x.matmul(matrices.select(0, 0).t()).mul(weights.select(2, 0).unsqueeze(-1));
    for (int e = 1; e < matrices.size(0); e++) {
      Tensor y = x.matmul(matrices.select(0, e).t());
      sum = sum.add(y.mul(weights.select(2, e).unsqueeze(-1)));
    }
    return sum;
  }

  private Tensor convolved(Tensor x) {
    Tensor taps = get("conv1d.weight").squeeze(1);
    long kernel = taps.size(1);
    Tensor padded = Tensors.pad(x, 1, kernel - 1, 0);
    Tensor sum = get("conv1d.bias");
    for (int k = 0; k < kernel; k++) {
      sum = sum.add(Tensors.slice(padded, 1, k, k + x.size(1)).mul(taps.select(1, k)));
    }
    return sum.mul(sum.sigmoid());
  }

  private Tensor normed(Tensor x, String name) {
    if (!parameters.containsKey(name)) {
      return x;
    }
    Tensor square = Tensors.add(Tensors.mul(x.mul(x).sum(-1), 1.0 / x.size(2)), 1e-6);
    return x.div(square.sqrt().unsqueeze(-1)).mul(get(name));
  }

  private static Tensor scan(Tensor x, Tensor dt, Tensor a, Tensor b, Tensor c) {
    int time = (int) x.size(1);
    Tensor state = Tensors.zeros(x, x.size(0), a.size(0), a.size(1));
    Tensor[] y = new Tensor[time];
    for (int t = 0; t < time; t++) {
      Tensor step = dt.select(1, t).unsqueeze(-1);
      Tensor added = step.mul(x.select(1, t).unsqueeze(-1)).mul(b.select(1, t).unsqueeze(1));
      state = step.mul(a).exp().mul(state).add(added);
      y[t] = state.mul(c.select(1, t).unsqueeze(1)).sum(-1);
    }
    return Tensors.stack(1, y);
  }

  private Tensor get(String name) {
    return requireNonNull(parameters.get(name), name);
  }
}
