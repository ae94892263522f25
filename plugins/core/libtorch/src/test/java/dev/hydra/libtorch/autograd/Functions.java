package dev.hydra.libtorch.autograd;

import dev.hydra.libtorch.runtime.Tensors;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/** Custom functions for tests. */
public final class Functions {
  private Functions() {}

  /** x y. */
  public static final class Product extends CustomFunction {
    @Override
    protected Tensor[] forward(Context context, Tensor... inputs) {
      context.save(inputs);
      return new Tensor[] {inputs[0].mul(inputs[1])};
    }

    @Override
    protected void backward(Context context, Gradients gradients) {
      gradients.give(0, gradients.of(0).mul(context.saved(1)));
      gradients.give(1, gradients.of(0).mul(context.saved(0)));
    }
  }

  /** x y and exp x; saves an output. */
  public static final class ProductAndExp extends CustomFunction {
    @Override
    protected Tensor[] forward(Context context, Tensor... inputs) {
      Tensor exp = inputs[0].exp();
      context.save(inputs[0], inputs[1], exp);
      return new Tensor[] {inputs[0].mul(inputs[1]), exp};
    }

    @Override
    protected void backward(Context context, Gradients gradients) {
      Tensor product = gradients.of(0).mul(context.saved(1));
      gradients.give(0, product.add(gradients.of(1).mul(context.saved(2))));
      if (gradients.arrived(0)) {
        gradients.give(1, gradients.of(0).mul(context.saved(0)));
      }
    }
  }

  /** silu(x W^T + b): three inputs of different shapes; saves a temporary. */
  public static final class LinearSilu extends CustomFunction {
    @Override
    protected Tensor[] forward(Context context, Tensor... inputs) {
      Tensor z = inputs[0].matmul(inputs[1].t()).add(inputs[2]);
      context.save(inputs[0], inputs[1], z);
      return new Tensor[] {z.mul(z.sigmoid())};
    }

    @Override
    protected void backward(Context context, Gradients gradients) {
      Tensor z = context.saved(2);
      Tensor gate = z.sigmoid();
      Tensor slope = gate.add(z.mul(gate).mul(Tensors.add(gate.neg(), 1)));
      Tensor dz = gradients.of(0).mul(slope);
      gradients.give(0, dz.matmul(context.saved(1)));
      gradients.give(1, dz.t().matmul(context.saved(0)));
      gradients.give(2, dz.sum(0));
    }
  }

  /** The maximum of each row, and where it is: an integer output. */
  static final class RowMaximum extends CustomFunction {
    @Override
    protected Tensor[] forward(Context context, Tensor... inputs) {
      Tensor order = inputs[0].argsort(1, true);
      Tensor index = order.narrow(1, 0, 1);
      context.save(index, inputs[0]);
      return new Tensor[] {index.squeeze(1), inputs[0].gather(1, index).squeeze(1)};
    }

    @Override
    protected void backward(Context context, Gradients gradients) {
      Tensor zeros = torch.zeros_like(context.saved(1));
      Tensor dy = gradients.of(1).unsqueeze(1);
      gradients.give(0, zeros.scatter(1, context.saved(0), dy));
    }
  }

  /** 3 x, whose backward throws. */
  public static CustomFunction failingBackward(RuntimeException bug) {
    return unary(
        x -> Tensors.mul(x, 3),
        gradients -> {
          throw bug;
        });
  }

  /** One input, one output, saves nothing. */
  public static CustomFunction unary(
      UnaryOperator<Tensor> forward, Consumer<CustomFunction.Gradients> backward) {
    return new CustomFunction() {
      @Override
      protected Tensor[] forward(Context context, Tensor... inputs) {
        return new Tensor[] {forward.apply(inputs[0])};
      }

      @Override
      protected void backward(Context context, Gradients gradients) {
        backward.accept(gradients);
      }
    };
  }
}
