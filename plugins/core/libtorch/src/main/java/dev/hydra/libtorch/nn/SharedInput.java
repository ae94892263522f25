package dev.hydra.libtorch.nn;

import dev.hydra.libtorch.autograd.CustomFunction;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Arrays;
import java.util.Optional;
import org.bytedeco.pytorch.GradMode;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;

/**
 * Linear maps of the same x without bias, or one of an x that others read, too. In backward each
 * product adds its gradient of x to that of the ones before: LibTorch's autograd would write them
 * apart and add them in passes of their own, with a rounding each.
 */
final class SharedInput extends CustomFunction {
  private final Optional<GradientSum> shared;

  private SharedInput(Optional<GradientSum> shared) {
    this.shared = shared;
  }

  /** Says whether these maps should be computed so: on CUDA, with a gradient of x. */
  static boolean pays(Tensor x, Linear... maps) {
    return (maps.length > 1 || GradientSum.behind(x).isPresent())
        && x.is_cuda()
        && GradMode.is_enabled()
        && x.requires_grad()
        && Arrays.stream(maps).allMatch(map -> map.bias().isEmpty());
  }

  /** Applies maps to x: [..., in] to [..., out] each. */
  static Tensor[] applyAll(Tensor x, Linear... maps) {
    Tensor[] all = new Tensor[maps.length + 1];
    all[0] = x;
    Arrays.setAll(all, i -> i == 0 ? x : maps[i - 1].weight());
    return new SharedInput(GradientSum.behind(x)).apply(all);
  }

  @Override
  protected Tensor[] forward(Context context, Tensor... inputs) {
    context.save(inputs);
    Tensor[] outputs = new Tensor[inputs.length - 1];
    Arrays.setAll(outputs, i -> Tensors.linear(inputs[0], inputs[i + 1]));
    return outputs;
  }

  @Override
  protected void backward(Context context, Gradients gradients) {
    Tensor x = context.saved(0);
    Tensor rows = rows(x);
    for (int i = 1; i < gradients.count(); i++) {
      if (gradients.arrived(i - 1) && context.needsGrad(i)) {
        gradients.give(i, rows(gradients.of(i - 1)).t().mm(rows));
      }
    }
    if (context.needsGrad(0)) {
      GradientSum.Room room = GradientSum.room(shared, x);
      Tensor sum = rows(room.tensor());
      boolean adds = room.adds();
      for (int i = 1; i < gradients.count(); i++) {
        if (gradients.arrived(i - 1)) {
          multiply(rows(gradients.of(i - 1)), context.saved(i), sum, adds);
          adds = true;
        }
      }
      room.give(gradients, 0);
    }
  }

  /** Writes a product, or adds it to what is there. */
  static void multiply(Tensor left, Tensor right, Tensor to, boolean adds) {
    try (Scalar before = new Scalar(adds ? 1.0 : 0.0);
        Scalar one = new Scalar(1.0)) {
      to.addmm_(left, right, before, one);
    }
  }

  /** As [rows, columns]. */
  private static Tensor rows(Tensor x) {
    return x.reshape(-1, x.size(-1));
  }
}
