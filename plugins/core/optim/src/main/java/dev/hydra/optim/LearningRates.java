package dev.hydra.optim;

import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.Map;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Learning rates on the device of parameters, so that a CUDA graph sees what is set between
 * replays: float32 without dimensions, zero before they are set.
 */
final class LearningRates implements AutoCloseable {
  private final Map<Double, Tensor> byFactor = new LinkedHashMap<>();

  /**
   * Creates them.
   *
   * @param like a parameter
   * @param factors the parts of the optimizer's learning rate that parameters have
   */
  LearningRates(Tensor like, Collection<Double> factors) {
    try (PointerScope scope = new PointerScope()) {
      for (Double factor : factors) {
        byFactor.computeIfAbsent(
            factor, fresh -> Scopes.own(Tensors.zeros(like, ScalarType.Float)));
      }
    }
  }

  /** Sets all of them. */
  void set(double rate) {
    try (PointerScope scope = new PointerScope()) {
      byFactor.forEach((factor, own) -> own.fill_(new Scalar(rate * factor)));
    }
  }

  /** Returns the tensor of a factor. */
  Tensor of(double factor) {
    Tensor own = byFactor.get(factor);
    if (own == null) {
      throw new IllegalArgumentException("no parameter has the learning rate factor " + factor);
    }
    return own;
  }

  @Override
  public void close() {
    byFactor.values().forEach(Tensor::close);
  }
}
