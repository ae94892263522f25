package dev.hydra.libtorch.autograd;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.hydra.libtorch.runtime.Tensors;
import java.util.function.DoubleSupplier;
import java.util.function.UnaryOperator;
import org.bytedeco.javacpp.DoublePointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;

/** Compares gradients with central finite differences, in float64. */
public final class GradCheck {
  private static final double STEP = 1e-6;
  private static final double TOLERANCE = 1e-7;

  private GradCheck() {}

  /** Checks every element of those inputs that need a gradient; all must be contiguous leaves. */
  public static void check(UnaryOperator<Tensor[]> function, Tensor... inputs) {
    Tensor[] weights = weightsFor(function.apply(inputs));
    Backward.run(weightedSum(function.apply(inputs), weights));
    for (int i = 0; i < inputs.length; i++) {
      if (inputs[i].requires_grad()) {
        double[] gradient = Tensors.numbers(inputs[i].grad());
        for (int element = 0; element < gradient.length; element++) {
          double expected =
              slope(
                  inputs[i].data_ptr_double().getPointer(element),
                  () -> value(function, inputs, weights));
          assertEquals(expected, gradient[element], TOLERANCE, "input " + i + "[" + element + "]");
        }
      }
    }
  }

  private static double slope(DoublePointer x, DoubleSupplier function) {
    double middle = x.get();
    x.put(middle + STEP);
    double above = function.getAsDouble();
    x.put(middle - STEP);
    double below = function.getAsDouble();
    x.put(middle);
    return (above - below) / (2 * STEP);
  }

  private static double value(UnaryOperator<Tensor[]> function, Tensor[] inputs, Tensor[] weights) {
    try (PointerScope scope = new PointerScope();
        Grad off = Grad.off()) {
      return Tensors.number(weightedSum(function.apply(inputs), weights));
    }
  }

  private static Tensor[] weightsFor(Tensor[] outputs) {
    Tensor[] weights = new Tensor[outputs.length];
    for (int o = 0; o < outputs.length; o++) {
      weights[o] = Samples.normal(Tensors.sizes(outputs[o]));
    }
    return weights;
  }

  private static Tensor weightedSum(Tensor[] outputs, Tensor[] weights) {
    Tensor sum = outputs[0].mul(weights[0]).sum();
    for (int o = 1; o < outputs.length; o++) {
      sum = sum.add(outputs[o].mul(weights[o]).sum());
    }
    return sum;
  }
}
