package dev.hydra.libtorch.nn;

import dev.hydra.libtorch.autograd.CustomFunction;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Arrays;
import org.bytedeco.pytorch.GradMode;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;

/**
 * Linear maps of the same x without bias. In backward each product adds its gradient of x to that
 * of the ones before: LibTorch's autograd would write them apart and add them in passes of their
 * own, with a rounding each.
 */
final class SharedInput extends CustomFunction {
  private static final SharedInput INSTANCE = new SharedInput();

  private SharedInput() {}

  /** Says whether these maps should be computed so: on CUDA, with a gradient of x. */
  static boolean pays(Tensor x, Linear... maps) {
    return maps.length > 1
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
    return INSTANCE.apply(all);
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
    Tensor rows = rows(context.saved(0));
    Tensor sum = null;
    for (int i = 1; i < gradients.count(); i++) {
      if (!gradients.arrived(i - 1)) {
        continue;
      }
      Tensor arrived = rows(gradients.of(i - 1));
      if (context.needsGrad(i)) {
        gradients.give(i, arrived.t().mm(rows));
      }
      if (context.needsGrad(0)) {
        Tensor weight = context.saved(i);
        sum = sum == null ? arrived.mm(weight) : added(sum, arrived, weight);
      }
    }
    if (sum != null) {
      gradients.give(0, sum.view(gradients.sizes(0)));
    }
  }

  private static Tensor added(Tensor sum, Tensor arrived, Tensor weight) {
    try (Scalar one = new Scalar(1.0)) {
      return sum.addmm_(arrived, weight, one, one);
    }
  }

  /** As [rows, columns]. */
  private static Tensor rows(Tensor x) {
    return x.reshape(-1, x.size(-1));
  }
}
