package dev.hydra.bench;

import dev.hydra.composer.model.Placement;
import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.runtime.Scopes;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Generator;
import org.bytedeco.pytorch.GeneratorOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Standard normal tensors where a benchmark computes; whoever asks for one closes it. */
final class Inputs {
  private final Placement precision;
  private long seed;

  Inputs(Placement precision) {
    this.precision = precision;
  }

  Tensor normal(long... sizes) {
    return normal(precision.compute(), sizes);
  }

  /** The same in float32. */
  Tensor fp32(long... sizes) {
    return normal(ScalarType.Float, sizes);
  }

  /** The gradient of a loss, a float32 scalar. */
  Tensor one() {
    return scalar(1);
  }

  /** A float32 scalar that is zero. */
  Tensor zero() {
    return scalar(0);
  }

  private Tensor scalar(double value) {
    try (PointerScope scope = new PointerScope()) {
      Tensor number = torch.scalar_tensor(new Scalar(value));
      return Scopes.own(number.to(precision.device(), ScalarType.Float));
    }
  }

  private Tensor normal(ScalarType type, long... sizes) {
    try (PointerScope scope = new PointerScope();
        Grad off = Grad.off()) {
      Generator generator = torch.make_generator_cpu(++seed);
      return Scopes.own(
          torch
              .randn(sizes, new GeneratorOptional(generator), new TensorOptions(ScalarType.Float))
              .to(precision.device(), type));
    }
  }

  /** One that wants a gradient. */
  Tensor leaf(long... sizes) {
    Tensor leaf = normal(sizes);
    Scopes.run(() -> leaf.set_requires_grad(true));
    return leaf;
  }

  /** Token ids below a limit. */
  Tensor tokens(long limit, long... sizes) {
    try (PointerScope scope = new PointerScope()) {
      Generator generator = torch.make_generator_cpu(++seed);
      return Scopes.own(
          torch
              .randint(
                  limit,
                  sizes,
                  new GeneratorOptional(generator),
                  new TensorOptions(ScalarType.Long))
              .to(precision.device(), ScalarType.Long));
    }
  }
}
