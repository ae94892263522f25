package dev.hydra.mixer.mamba;

import dev.hydra.libtorch.autograd.InPlace;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * A few tokens of a selective scan, time first and channels last, so that the states of one token
 * lie side by side: decays and inputs of all tokens at once, then one operator a token. Sums of
 * products stand where matrix products could: with a vector on one side those are slower.
 *
 * @param x [size, batch, 1, inner]
 * @param dt [size, batch, 1, inner]
 * @param b [size, batch, state, 1]
 * @param c [size, batch, state, 1]
 * @param decays [size, batch, state, inner], 0 where a document begins
 */
record ScanChunk(Tensor x, Tensor dt, Tensor b, Tensor c, Tensor decays) {
  /**
   * Takes tokens from the inputs of a scan.
   *
   * @param rates the decay rates [state, inner]
   * @param kept 0 where a document begins, else 1 [batch, time]
   */
  static ScanChunk of(ScanInput in, Tensor rates, Optional<Tensor> kept, long from, long to) {
    ScalarType type = Tensors.type(in.dt());
    Tensor dt = part(in.dt(), from, to, type).unsqueeze(2);
    Tensor decays = dt.mul(rates).exp_();
    kept.ifPresent(k -> decays.mul_(part(k, from, to, type).unsqueeze(-1).unsqueeze(-1)));
    return new ScanChunk(
        part(in.x(), from, to, type).unsqueeze(2),
        dt,
        part(in.b(), from, to, type).unsqueeze(-1),
        part(in.c(), from, to, type).unsqueeze(-1),
        decays);
  }

  /** Tokens of [batch, time, ...] as [size, batch, ...]. */
  static Tensor part(Tensor tensor, long from, long to, ScalarType type) {
    return Tensors.cast(Tensors.slice(tensor, 1, from, to).transpose(0, 1), type);
  }

  long size() {
    return dt.size(0);
  }

  /** The states after every token [size, batch, state, inner], given the one before. */
  Tensor states(Tensor before) {
    Tensor states = x.mul(dt).mul(b);
    TensorVector each = InPlace.entries(states);
    TensorVector decay = decays.unbind(0);
    Tensor previous = before;
    for (long t = 0; t < size(); t++) {
      previous = each.get(t).addcmul_(decay.get(t), previous);
    }
    return states;
  }

  /**
   * The gradient of the states after every token, what later tokens do to them included.
   *
   * @param dy [size, batch, 1, inner]
   * @param after the gradient of the last state, as the tokens after this chunk see it
   */
  Tensor stateGradients(Tensor dy, Tensor after) {
    Tensor gradients = c.mul(dy);
    TensorVector each = gradients.unbind(0);
    TensorVector decay = decays.unbind(0);
    each.get(size() - 1).add_(after);
    for (long t = size() - 2; t >= 0; t--) {
      each.get(t).addcmul_(decay.get(t + 1), each.get(t + 1));
    }
    return gradients;
  }

  /** y [size, batch, inner] of the states after every token, which are overwritten. */
  Tensor read(Tensor states) {
    return states.mul_(c).sum(2);
  }
}
