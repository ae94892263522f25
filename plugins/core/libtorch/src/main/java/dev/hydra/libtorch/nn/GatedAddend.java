package dev.hydra.libtorch.nn;

import dev.hydra.libtorch.runtime.Tensors;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * What a gate of one number lets through, {@code scale * gate * y}, and is to be added to the
 * residual stream: by the norm that reads the stream next, or by {@link #addTo}.
 *
 * @param y of the shape of the stream
 * @param gate float32 [1]
 * @param scale a fixed factor
 */
public record GatedAddend(Tensor y, Tensor gate, double scale) {
  /**
   * Gives the addend if CUDA kernels can add it to a stream, and are to be used there.
   *
   * @param stream what it is to be added to, or another tensor of its shape and type
   */
  public static Optional<GatedAddend> of(Tensor stream, Tensor y, Tensor gate, double scale) {
    boolean possible =
        Rows.wanted(stream)
            && Rows.isKernelType(Tensors.type(stream))
            && Rows.isKernelType(Tensors.type(y))
            && Tensors.type(gate) == ScalarType.Float
            && stream.numel() > 0;
    return possible ? Optional.of(new GatedAddend(y, gate, scale)) : Optional.empty();
  }

  /** Returns the stream with it. */
  public Tensor addTo(Tensor stream) {
    return FusedGatedSum.compute(stream, y, gate, scale).orElseGet(() -> plain(stream));
  }

  /** Computes it by LibTorch's operators. */
  Tensor plain(Tensor stream) {
    Tensor scaled = Tensors.scaled(Tensors.cast(y, Tensors.type(stream)), scale);
    return stream.add(scaled.mul(gate));
  }
}
