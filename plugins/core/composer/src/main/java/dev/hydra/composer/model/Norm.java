package dev.hydra.composer.model;

import dev.hydra.api.Init;
import dev.hydra.api.ParameterSpec;
import dev.hydra.composer.spec.ModelSpec;
import dev.hydra.composer.spec.NormKind;
import dev.hydra.libtorch.runtime.Tensors;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;

/** A norm over the width, computed and kept in the master type. */
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

  /** Normalises [..., width] in the master type. */
  Tensor apply(Tensor x) {
    if (kind == NormKind.RMSNORM) {
      return Tensors.rmsNorm(x, weight, epsilon);
    }
    return torch.layer_norm(
        x,
        new long[] {x.size(-1)},
        new TensorOptional(weight),
        new TensorOptional(bias),
        epsilon,
        true);
  }
}
