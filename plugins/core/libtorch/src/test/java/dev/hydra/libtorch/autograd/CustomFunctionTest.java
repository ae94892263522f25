package dev.hydra.libtorch.autograd;

import static dev.hydra.testing.Samples.assertClose;
import static dev.hydra.testing.Samples.normal;
import static dev.hydra.testing.Samples.parameter;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.FiniteDifferences;
import dev.hydra.testing.InScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Values and gradients of custom functions. */
@ExtendWith(InScope.class)
class CustomFunctionTest {
  private final CustomFunction product = new Functions.Product();

  @AfterAll
  static void everyCallWasFreed() {
    assertEquals(0, LiveCalls.count());
  }

  @Test
  void twoInputs() {
    FiniteDifferences.checkFunction(product::apply, parameter(3, 4), parameter(3, 4));
  }

  @Test
  void twoOutputs() {
    FiniteDifferences.checkFunction(
        new Functions.ProductAndExp()::apply, parameter(3, 4), parameter(3, 4));
  }

  @Test
  void threeInputsOfDifferentShapes() {
    FiniteDifferences.checkFunction(
        new Functions.LinearSilu()::apply, parameter(5, 3), parameter(4, 3), parameter(4));
  }

  @Test
  void inputsThatAreNoLeaves() {
    FiniteDifferences.checkFunction(
        x -> product.apply(Tensors.mul(x[0], 2), x[1].exp()), parameter(3, 4), parameter(3, 4));
  }

  @Test
  void sameInputTwice() {
    FiniteDifferences.checkFunction(x -> product.apply(x[0], x[0]), parameter(3, 4));
  }

  @Test
  void chain() {
    FiniteDifferences.checkFunction(
        x -> {
          Tensor h = x[0];
          for (int i = 0; i < 8; i++) {
            h = product.apply(h, x[1])[0];
          }
          return new Tensor[] {h};
        },
        parameter(2, 2),
        parameter(2, 2));
  }

  @Test
  void outputThatIsAView() {
    CustomFunction transpose =
        Functions.unary(Tensor::t, gradients -> gradients.give(0, gradients.of(0).t()));
    FiniteDifferences.checkFunction(
        x -> product.apply(transpose.apply(x)[0], x[1]), parameter(2, 3), parameter(3, 2));
  }

  @Test
  void outputThatIsTheInput() {
    CustomFunction reversal =
        Functions.unary(x -> x, gradients -> gradients.give(0, gradients.of(0).neg()));
    Tensor x = parameter(2, 3);
    Backward.run(reversal.apply(reversal.apply(reversal.apply(x)[0])[0])[0].sum());
    assertClose(torch.ones_like(x).neg(), x.grad());
    assertTrue(x.is_leaf());
  }

  @Test
  void sameTensorAsTwoOutputs() {
    CustomFunction twice =
        new CustomFunction() {
          @Override
          protected Tensor[] forward(Context context, Tensor... inputs) {
            Tensor y = Tensors.mul(inputs[0], 3);
            return new Tensor[] {y, y};
          }

          @Override
          protected void backward(Context context, Gradients gradients) {
            gradients.give(0, Tensors.mul(gradients.of(0).add(gradients.of(1)), 3));
          }
        };
    FiniteDifferences.checkFunction(twice::apply, parameter(4));
  }

  @Test
  void outputThatTheLossDoesNotDependOn() {
    Tensor x = parameter(3, 4);
    Tensor y = parameter(3, 4);
    Backward.run(new Functions.ProductAndExp().apply(x, y)[1].sum());
    assertClose(x.exp(), x.grad());
    assertFalse(y.grad().defined());
  }

  @Test
  void integerOutputStaysOutsideTheGraph() {
    Tensor x = parameter(3, 5);
    Tensor[] outputs = new Functions.RowMaximum().apply(x);
    assertFalse(outputs[0].requires_grad());
    Backward.run(outputs[1].sum());
    assertEquals(3, Tensors.number(x.grad().sum()));
    assertClose(outputs[1], x.mul(x.grad()).sum(1));
  }

  @Test
  void inputWithoutGradientGetsNone() {
    Tensor constant = normal(3, 4);
    Tensor x = parameter(3, 4);
    Backward.run(product.apply(constant, x)[0].sum());
    assertFalse(constant.grad().defined());
    assertClose(constant, x.grad());
  }

  @Test
  void nothingIsRecordedWithoutNeed() {
    int before = LiveCalls.count();
    assertFalse(product.apply(normal(2), normal(2))[0].requires_grad());
    try (Grad off = Grad.off()) {
      assertFalse(product.apply(parameter(2), parameter(2))[0].requires_grad());
    }
    assertEquals(before, LiveCalls.count());
  }

  @Test
  void gradientOfOneInputOnly() {
    Tensor x = parameter(3);
    Tensor y = parameter(3);
    Tensor loss = product.apply(x, y)[0].sum();
    TensorVector gradients = torch.grad(new TensorVector(loss), new TensorVector(x));
    assertClose(y, gradients.get(0));
    assertFalse(y.grad().defined());
  }

  @Test
  void gradientIsCastToTheTypeOfTheInput() {
    CustomFunction triple =
        Functions.unary(
            x -> Tensors.mul(x, 3),
            gradients -> gradients.give(0, Tensors.mul(gradients.of(0), 3).to(ScalarType.Float)));
    Tensor x = parameter(2);
    Backward.run(triple.apply(x)[0].sum());
    assertEquals(ScalarType.Double, Tensors.type(x.grad()));
  }

  @Test
  void bfloat16() {
    Tensor x = normal(4).to(ScalarType.BFloat16).set_requires_grad(true);
    Tensor y = normal(4).to(ScalarType.BFloat16).set_requires_grad(true);
    Backward.run(product.apply(x, y)[0].sum());
    assertEquals(ScalarType.BFloat16, Tensors.type(x.grad()));
    assertClose(y, x.grad(), 0);
  }

  @Test
  void gradientOfALeafIsNotCopied() {
    long[] address = new long[1];
    CustomFunction triple =
        Functions.unary(
            x -> Tensors.mul(x, 3),
            gradients -> {
              Tensor gradient = Tensors.mul(gradients.of(0), 3);
              address[0] = gradient.data_ptr().address();
              gradients.give(0, gradient);
            });
    Tensor x = parameter(1000);
    Backward.run(triple.apply(x)[0].sum());
    assertEquals(address[0], x.grad().data_ptr().address());
  }
}
