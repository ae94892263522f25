package dev.hydra.libtorch.nn;

import dev.hydra.libtorch.runtime.HostFloats;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * A norm of a token of each text, computed in float32 on the CPU and without gradient: LibTorch's
 * is made of seven operators. Its twin is {@link NormInput#plainNorm}. What a row gets does not
 * depend on how many there are.
 *
 * @param in what it is computed of
 */
record HostNorm(NormInput in) {
  /** Chooses: gives it for x [texts, 1, groups * width]. */
  static Optional<HostNorm> of(NormInput in) {
    List<Tensor> read = new ArrayList<>(List.of(in.x()));
    in.residual().ifPresent(read::add);
    in.weight().ifPresent(read::add);
    return in.x().dim() >= 3
            && in.x().size(1) == 1
            && in.x().numel() > 0
            && in.residual().map(s -> Tensors.type(s) == ScalarType.Float).orElse(true)
            && (in.type() == ScalarType.Float || in.type() == ScalarType.BFloat16)
            && HostFloats.areTaken(read.toArray(Tensor[]::new))
        ? Optional.of(new HostNorm(in))
        : Optional.empty();
  }

  /** Computes the sum, which is x if there is nothing to add it to, and its norm. */
  Tensor[] compute() {
    float[] values = HostFloats.of(in.x());
    in.residual().ifPresent(stream -> add(HostFloats.of(stream), values));
    long[] sizes = Tensors.sizes(in.x());
    Tensor sum =
        in.residual()
            .map(stream -> HostFloats.tensor(values, stream, ScalarType.Float, sizes))
            .orElse(in.x());
    normalise(values);
    return new Tensor[] {sum, HostFloats.tensor(values, in.x(), in.type(), sizes)};
  }

  private static void add(float[] terms, float[] values) {
    for (int i = 0; i < values.length; i++) {
      values[i] += terms[i];
    }
  }

  private void normalise(float[] values) {
    float[] weights = in.weight().map(HostFloats::of).orElseGet(() -> new float[0]);
    int width = (int) in.width();
    for (int from = 0; from < values.length; from += width) {
      double squares = 0;
      for (int i = from; i < from + width; i++) {
        squares += (double) values[i] * values[i];
      }
      float factor = (float) (1 / Math.sqrt(squares / width + in.epsilon()));
      int first = in.ownWeights() ? from % weights.length : 0;
      for (int i = 0; i < width; i++) {
        float weight = weights.length == 0 ? 1 : weights[first + i];
        values[from + i] *= factor;
        values[from + i] *= weight;
        values[from + i] *= (float) in.factor();
      }
    }
  }
}
