package dev.hydra.composer.model;

import dev.hydra.api.Init;
import dev.hydra.api.ParameterSpec;
import dev.hydra.composer.spec.ModelSpec;
import dev.hydra.composer.spec.NormKind;
import dev.hydra.libtorch.nn.Norms;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** A norm of the residual stream over its width, computed in the master type. */
final class Norm {
  private final NormKind kind;
  private final double epsilon;
  private final Tensor weight;
  private final Tensor bias;

  /** Creates a norm with parameters below a path. */
  Norm(ModelSpec spec, ParameterSource parameters, String path) {
    kind = spec.norm();
    epsilon = spec.normEpsilon();
    weight = parameters.borrow(path + ".weight", vector("weight", Init.ones(), spec.width()));
    bias =
        kind == NormKind.LAYERNORM
            ? parameters.borrow(path + ".bias", vector("bias", Init.zeros(), spec.width()))
            : weight;
  }

  private static ParameterSpec vector(String name, Init init, int width) {
    return ParameterSpec.of(name, init, width).inFp32();
  }

  /** Adds to the stream [..., width] what is to be added, and normalises it into a type. */
  Norms.Summed apply(ResidualStream given, ScalarType type) {
    if (kind == NormKind.RMSNORM && given.isGated()) {
      Optional<Norms.Summed> fused =
          Norms.rmsOfGated(given.sum(), given.gated(), given.last(), weight, epsilon, type);
      if (fused.isPresent()) {
        return fused.get();
      }
    }
    ResidualStream stream = given.ungated();
    if (kind == NormKind.RMSNORM) {
      return Norms.rmsOfStream(stream.sum(), stream.addend(), weight, epsilon, type);
    }
    Tensor x = stream.total();
    Tensor normed =
        torch.layer_norm(
            x,
            new long[] {x.size(-1)},
            new TensorOptional(weight),
            new TensorOptional(bias),
            epsilon,
            true);
    return new Norms.Summed(x, Tensors.cast(normed, type));
  }
}
