package dev.hydra.libtorch.autograd;

import static dev.hydra.testing.Samples.assertClose;
import static dev.hydra.testing.Samples.parameter;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.runtime.LibTorchException;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import java.util.List;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.DeviceType;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** What goes wrong in custom functions is reported, and frees what they hold. */
@ExtendWith(InScope.class)
class CustomFunctionErrorsTest {
  private final CustomFunction product = new Functions.Product();

  @AfterAll
  static void everyCallWasFreed() {
    assertEquals(0, LiveCalls.count());
  }

  @Test
  void exceptionInForwardPassesThrough() {
    IllegalArgumentException bug = new IllegalArgumentException("bug");
    CustomFunction broken =
        Functions.unary(
            x -> {
              throw bug;
            },
            gradients -> {});
    assertSame(bug, assertThrows(bug.getClass(), () -> broken.apply(parameter(2))));
    assertTrue(product.apply(parameter(2), parameter(2))[0].requires_grad());
  }

  @Test
  void exceptionInBackwardIsTheCause() {
    IllegalArgumentException bug = new IllegalArgumentException("bug");
    CustomFunction broken = Functions.failingBackward(bug);
    LibTorchException thrown = failure(broken.apply(parameter(2))[0].sum());
    assertSame(bug, thrown.getCause());
    assertThat(thrown.getMessage()).endsWith(": bug");
  }

  @Test
  void exceptionBehindOtherFunctionsIsTheCause() {
    IllegalArgumentException bug = new IllegalArgumentException("bug");
    CustomFunction broken = Functions.failingBackward(bug);
    Tensor y = product.apply(broken.apply(parameter(2))[0], parameter(2))[0];
    assertSame(bug, failure(y.sum()).getCause());
  }

  @Test
  void gradientOfWrongShape() {
    CustomFunction broken =
        Functions.unary(
            x -> Tensors.mul(x, 3), gradients -> gradients.give(0, gradients.of(0).sum()));
    LibTorchException thrown = failure(broken.apply(parameter(2))[0].sum());
    assertThat(thrown.getMessage())
        .endsWith(": the gradient of input 0 has shape [], the input has [2]");
  }

  @Test
  void savedTensorChangedInPlace() {
    Tensor x = parameter(3);
    Tensor y = Tensors.mul(parameter(3), 1);
    Tensor loss = product.apply(x, y)[0].sum();
    y.detach().add_(torch.ones(3));
    LibTorchException thrown = failure(loss);
    assertEquals(
        "backward of Product: saved tensor 1 was changed in place between forward and backward",
        thrown.getMessage());
    assertInstanceOf(IllegalStateException.class, thrown.getCause());
  }

  @Test
  void secondBackward() {
    Tensor ofTwo = product.apply(parameter(2), parameter(2))[0].sum();
    Tensor ofThree =
        new Functions.LinearSilu().apply(parameter(5, 3), parameter(4, 3), parameter(4))[0].sum();
    for (Tensor loss : List.of(ofTwo, ofThree)) {
      Backward.run(loss);
      assertThat(String.valueOf(failure(loss).getMessage())).contains("second time");
    }
  }

  @Test
  void secondDerivative() {
    Tensor x = parameter(2);
    TensorVector loss = new TensorVector(product.apply(x, parameter(2))[0].sum());
    TensorVector one = new TensorVector(torch.ones_like(loss.get(0)));
    RuntimeException thrown =
        assertThrows(
            RuntimeException.class,
            () -> torch.grad(loss, new TensorVector(x), one, new BoolOptional(true), true, false));
    assertThat(thrown.getMessage()).contains("Product can be differentiated once");
  }

  @Test
  void autocast() {
    torch.set_autocast_enabled(DeviceType.CPU, true);
    try {
      assertThrows(IllegalStateException.class, () -> product.apply(parameter(2), parameter(2)));
    } finally {
      torch.set_autocast_enabled(DeviceType.CPU, false);
    }
  }

  @Test
  void libTorchErrorIsReadable() {
    LibTorchException thrown = failure(parameter(2));
    assertEquals("grad can be implicitly created only for scalar outputs", thrown.getMessage());
  }

  @Test
  void graphStillWorksAfterAFailure() {
    Tensor x = parameter(2);
    Tensor y = parameter(2);
    failure(x);
    Backward.run(product.apply(x, y)[0].sum());
    assertClose(y, x.grad());
  }

  private static LibTorchException failure(Tensor loss) {
    return assertThrows(LibTorchException.class, () -> Backward.run(loss));
  }
}
