package dev.hydra.router.topk;

import dev.hydra.libtorch.autograd.CustomFunction;
import dev.hydra.libtorch.runtime.Tensors;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Of hidden states [batch, time, width], with time a multiple of the chunk, the sums over chunks
 * [batch, chunks, width] in at least float32 and first tokens. Written out because LibTorch's own
 * gradient of a slice is as large as the whole, zeros but for the slice.
 */
final class ChunkSums extends CustomFunction {
  private final int chunk;
  private final boolean allFirst;

  /**
   * Creates the function.
   *
   * @param allFirst whether it gives the first token of every chunk [batch, chunks, width], or only
   *     that of the first [batch, 1, width]
   */
  ChunkSums(int chunk, boolean allFirst) {
    this.chunk = chunk;
    this.allFirst = allFirst;
  }

  @Override
  protected Tensor[] forward(Context context, Tensor... inputs) {
    Tensor x = inputs[0];
    ScalarType type = Tensors.type(x) == ScalarType.Double ? ScalarType.Double : ScalarType.Float;
    Tensor sums =
        x.unflatten(1, -1, chunk).sum(new long[] {2}, false, new ScalarTypeOptional(type));
    return new Tensor[] {sums, first(x).clone()};
  }

  private Tensor first(Tensor x) {
    return allFirst ? Tensors.every(x, 1, 0, chunk) : Tensors.slice(x, 1, 0, 1);
  }

  @Override
  protected void backward(Context context, Gradients gradients) {
    Tensor ofFirst = gradients.of(1);
    Tensor each = Tensors.cast(gradients.of(0), Tensors.type(ofFirst));
    Tensor x = each.unsqueeze(2).expand(-1, -1, chunk, -1).flatten(1, 2).contiguous();
    first(x).add_(ofFirst);
    gradients.give(0, x);
  }
}
