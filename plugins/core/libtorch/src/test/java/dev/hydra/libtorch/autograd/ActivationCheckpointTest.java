package dev.hydra.libtorch.autograd;

import static dev.hydra.testing.Samples.assertClose;
import static dev.hydra.testing.Samples.normal;
import static dev.hydra.testing.Samples.parameter;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.runtime.LibTorchException;
import dev.hydra.libtorch.runtime.RandomState;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.FiniteDifferences;
import dev.hydra.testing.Handles;
import dev.hydra.testing.InScope;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.GradMode;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(InScope.class)
class ActivationCheckpointTest {
  @AfterAll
  static void everyCallWasFreed() {
    assertEquals(0, LiveCalls.count());
  }

  /** Two layers; their weights are captured by the part, not passed to it. */
  private static final class Layers {
    final Tensor w1 = parameter(8, 6);
    final Tensor w2 = parameter(4, 8);

    Tensor[] apply(Tensor... x) {
      return new Tensor[] {x[0].matmul(w1.t()).tanh().matmul(w2.t()).sigmoid()};
    }

    /** The gradients of w1, w2 and x for the part as given; then forgets them. */
    Tensor[] gradients(UnaryOperator<Tensor[]> part, Tensor x) {
      Backward.run(part.apply(new Tensor[] {x})[0].square().sum());
      return new Tensor[] {taken(w1), taken(w2), taken(x)};
    }

    private static Tensor taken(Tensor parameter) {
      Tensor gradient = parameter.grad().clone();
      parameter.mutable_grad().zero_();
      return gradient;
    }
  }

  @Test
  void gradientsEqualThePlainOnes() {
    Layers layers = new Layers();
    Tensor x = parameter(5, 6);
    Tensor[] plain = layers.gradients(layers::apply, x);
    Tensor[] checkpointed = layers.gradients(in -> ActivationCheckpoint.run(layers::apply, in), x);
    Tensor[] nested =
        layers.gradients(
            in ->
                ActivationCheckpoint.run(
                    inner -> ActivationCheckpoint.run(layers::apply, inner), in),
            x);
    for (int i = 0; i < plain.length; i++) {
      assertClose(plain[i], checkpointed[i]);
      assertClose(plain[i], nested[i]);
    }
  }

  @Test
  void parametersGetGradientsEvenIfNoInputNeedsOne() {
    Layers layers = new Layers();
    Tensor x = normal(5, 6);
    Backward.run(layers.apply(x)[0].sum());
    Tensor expected = Layers.taken(layers.w1);
    Backward.run(ActivationCheckpoint.run(layers::apply, x)[0].sum());
    assertClose(expected, layers.w1.grad());
  }

  @Test
  void outputThatTheLossDoesNotDependOn() {
    Tensor x = parameter(3);
    Tensor[] outputs = ActivationCheckpoint.run(in -> new Tensor[] {in[0].exp(), in[0].sin()}, x);
    Backward.run(outputs[1].sum());
    assertClose(x.cos(), x.grad());
  }

  @Test
  void customFunctionInside() {
    CustomFunction product = new Functions.Product();
    FiniteDifferences.checkFunction(
        x -> ActivationCheckpoint.run(in -> product.apply(product.apply(in)[0], in[1]), x),
        parameter(4, 4),
        parameter(4, 4));
  }

  private static Tensor[] dropout(Tensor... x) {
    return new Tensor[] {torch.dropout(Tensors.mul(x[0], 2), 0.5, true)};
  }

  @Test
  void dropoutDropsTheSameAgain() {
    Tensor x = torch.ones_like(normal(1000)).set_requires_grad(true);
    Tensor y = ActivationCheckpoint.run(ActivationCheckpointTest::dropout, x)[0];
    torch.rand(17);
    Backward.run(y.sum());
    assertClose(y, x.grad());
  }

  @Test
  void replayLeavesTheRandomStateAlone() {
    Tensor y = ActivationCheckpoint.run(ActivationCheckpointTest::dropout, parameter(1000))[0];
    RandomState before = RandomState.save();
    Backward.run(y.sum());
    assertTrue(before.cpu().equal(RandomState.save().cpu()));
  }

  @Test
  void manySegmentsAndDeepNesting() {
    Tensor w = Tensors.mul(torch.ones_like(normal(3)), 1.01).set_requires_grad(true);
    Tensor h = torch.ones_like(w);
    for (int i = 0; i < 100; i++) {
      h = ActivationCheckpoint.run(x -> new Tensor[] {x[0].mul(w)}, h)[0];
    }
    Backward.run(h.sum());
    assertClose(Tensors.mul(torch.ones_like(w), 100 * Math.pow(1.01, 99)), w.grad(), 1e-9);
    w.mutable_grad().zero_();
    // LibTorch goes over to other threads beyond a depth of 60.
    Backward.run(nested(w, torch.ones_like(w), 80).sum());
    assertClose(Tensors.mul(torch.ones_like(w), 81 * Math.pow(1.01, 80)), w.grad(), 1e-9);
  }

  private static Tensor nested(Tensor w, Tensor h, int depth) {
    return ActivationCheckpoint.run(
        x -> new Tensor[] {depth == 0 ? x[0].mul(w) : nested(w, x[0].mul(w), depth - 1)}, h)[0];
  }

  @Test
  void exceptionInTheSecondRunIsTheCause() {
    IllegalStateException bug = new IllegalStateException("bug");
    AtomicInteger calls = new AtomicInteger();
    Tensor y =
        ActivationCheckpoint.run(
            x -> {
              if (calls.getAndIncrement() > 0) {
                throw bug;
              }
              return new Tensor[] {Tensors.mul(x[0], 2)};
            },
            parameter(3))[0];
    LibTorchException thrown = assertThrows(LibTorchException.class, () -> Backward.run(y.sum()));
    assertSame(bug, thrown.getCause());
    assertTrue(GradMode.is_enabled());
  }

  @Test
  void exceptionInANestedBackwardIsInTheChainOfCauses() {
    IllegalStateException bug = new IllegalStateException("bug");
    CustomFunction broken = Functions.failingBackward(bug);
    Tensor y = ActivationCheckpoint.run(broken::apply, parameter(3))[0];
    LibTorchException thrown = assertThrows(LibTorchException.class, () -> Backward.run(y.sum()));
    assertThat(thrown.getMessage())
        .matches("backward of ActivationCheckpoint: backward of .*: bug");
    LibTorchException inner = assertInstanceOf(LibTorchException.class, thrown.getCause());
    assertSame(bug, inner.getCause());
  }

  @Test
  void liveHandlesStayFlat() {
    Layers layers = new Layers();
    Tensor x = parameter(5, 6);
    Runnable step = () -> Backward.run(ActivationCheckpoint.run(layers::apply, x)[0].sum());
    Handles.assertFlat(step);
  }
}
