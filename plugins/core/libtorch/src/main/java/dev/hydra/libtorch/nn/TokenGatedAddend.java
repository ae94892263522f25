package dev.hydra.libtorch.nn;

import dev.hydra.libtorch.runtime.Tensors;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import org.bytedeco.pytorch.Tensor;

/**
 * What a learned gate of each token lets through, {@code scale * sigmoid(weight . x + bias) *
 * value}, and is to be added to the residual stream: by the norm that reads the stream next, or by
 * {@link #addTo}.
 *
 * @param x what the gate reads, of the shape of the stream
 * @param weight [1, width]
 * @param bias [1], of the same type
 * @param value of the shape of the stream
 * @param scale a fixed factor
 * @param gates is given the gates [..., 1] once they are computed, without a gradient
 */
public record TokenGatedAddend(
    Tensor x, Tensor weight, Tensor bias, Tensor value, double scale, Consumer<Tensor> gates) {
  /**
   * Says whether CUDA kernels can add it to a stream, and are to be used there.
   *
   * @param stream what it is to be added to, or another tensor of its shape and type
   */
  public boolean canWait(Tensor stream) {
    return FusedTokenGate.possible(x, weight, bias, value, stream);
  }

  /**
   * Returns the stream with it.
   *
   * @param before what other gates let through, added first, in this order
   */
  public Tensor addTo(Tensor stream, List<GatedAddend> before) {
    Optional<FusedTokenGate.Gated> fused =
        FusedTokenGate.compute(x, weight, bias, value, scale, stream, before);
    fused.ifPresent(found -> gates.accept(found.gates()));
    return fused
        .map(FusedTokenGate.Gated::values)
        .orElseGet(
            () -> {
              Tensor sum = stream;
              for (GatedAddend each : before) {
                sum = each.addTo(sum);
              }
              return plain(sum);
            });
  }

  /** Computes it by LibTorch's operators. */
  Tensor plain(Tensor stream) {
    Tensor open = Tensors.linear(Tensors.cast(x, Tensors.type(weight)), weight, bias).sigmoid();
    gates.accept(open.detach());
    Tensor scaled = Tensors.scaled(Tensors.cast(value, Tensors.type(stream)), scale);
    return stream.add(scaled.mul(open));
  }
}
