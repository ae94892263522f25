package dev.hydra.optim;

import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.runtime.Operators;
import dev.hydra.libtorch.runtime.Operators.Operator;
import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Collection;
import java.util.List;
import java.util.stream.Stream;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;

/**
 * Clips gradients by their global norm (Pascanu, Mikolov and Bengio, arXiv 1211.5063, algorithm 1)
 * without waiting for the device. Not a number stays not a number: the norm returned shows it, and
 * the gradients keep it. Of a sparse gradient, which must be coalesced, the rows that it holds
 * count.
 */
public final class GradientClip implements AutoCloseable {
  private static final Operator NORMS = Operators.find("aten::_foreach_norm", "Scalar");
  private static final Operator SCALE = Operators.find("aten::_foreach_mul_", "Tensor");
  private static final double EPSILON = 1e-6;

  private final IValue dense;
  private final List<Tensor> sparse;
  private final double maxNorm;

  /**
   * Creates a clip of these gradients, made by every {@link #clip()}.
   *
   * @param gradients all on one device and of one type, at least one of them dense
   * @param maxNorm the largest global norm that is left alone; infinite to measure only
   */
  public GradientClip(Collection<Tensor> gradients, double maxNorm) {
    List<Tensor> full = gradients.stream().filter(gradient -> !gradient.is_sparse()).toList();
    if (full.isEmpty() || !(maxNorm > 0)) {
      throw new IllegalArgumentException(
          "cannot clip " + full.size() + " dense gradients to a norm of " + maxNorm);
    }
    this.dense = Operators.list(full);
    this.sparse = gradients.stream().filter(Tensor::is_sparse).toList();
    this.maxNorm = maxNorm;
  }

  /**
   * Scales all gradients in place so that their global norm is at most the largest.
   *
   * @return the global norm before, a tensor without dimensions on the gradients' device; it
   *     belongs to the scope round this call or, if there is none, to the caller
   */
  public Tensor clip() {
    return Scopes.keep(
        () -> {
          try (Grad off = Grad.off()) {
            List<Tensor> rows = sparse.stream().map(Tensor::values).toList();
            Stream<Tensor> norms =
                Stream.concat(
                    Stream.of(NORMS.call(dense, 2, null)), rows.stream().map(Tensor::norm));
            Tensor norm = Tensors.stack(0, norms.toArray(Tensor[]::new)).norm();
            if (Double.isFinite(maxNorm)) {
              Tensor limit = Tensors.mul(Tensors.add(norm, EPSILON).reciprocal(), maxNorm);
              Tensor factor = limit.clamp_max(new Scalar(1.0));
              SCALE.call(dense, factor);
              rows.forEach(values -> values.mul_(factor));
            }
            return norm;
          }
        });
  }

  @Override
  public void close() {
    dense.close();
  }
}
