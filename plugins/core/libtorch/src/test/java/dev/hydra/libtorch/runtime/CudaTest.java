package dev.hydra.libtorch.runtime;

import static dev.hydra.testing.Samples.assertClose;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.autograd.ActivationCheckpoint;
import dev.hydra.libtorch.autograd.Backward;
import dev.hydra.libtorch.autograd.CustomFunction;
import dev.hydra.libtorch.autograd.Functions;
import dev.hydra.libtorch.autograd.LiveCalls;
import dev.hydra.testing.InScope;
import dev.hydra.testing.Samples;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.extension.ExtendWith;

/** What differs on CUDA: backward runs on another thread, and there is a second generator. */
@ExtendWith(InScope.class)
@Tag("cuda")
@EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
class CudaTest {
  @AfterAll
  static void everyCallWasFreed() {
    assertEquals(0, LiveCalls.count());
  }

  private static Tensor parameter(long... sizes) {
    return Samples.normal(sizes).to(new Device("cuda"), ScalarType.Double).set_requires_grad(true);
  }

  @Test
  void customFunction() {
    Tensor x = parameter(3, 4);
    Tensor y = parameter(3, 4);
    Tensor z = new Functions.Product().apply(x, y)[0];
    Backward.run(new Functions.ProductAndExp().apply(z, y)[0].sum());
    assertClose(y.mul(y), x.grad());
    assertClose(Tensors.mul(x.mul(y), 2), y.grad());
  }

  @Test
  void threeInputs() {
    Tensor x = parameter(5, 3);
    Tensor weight = parameter(4, 3);
    Tensor bias = parameter(4);
    Backward.run(new Functions.LinearSilu().apply(x, weight, bias)[0].sum());
    Tensor fused = x.grad().clone();
    x.mutable_grad().zero_();
    Backward.run(torch.silu(Tensors.linear(x, weight, bias)).sum());
    assertClose(fused, x.grad());
  }

  @Test
  void exceptionInBackwardIsTheCause() {
    IllegalArgumentException bug = new IllegalArgumentException("bug");
    CustomFunction broken = Functions.failingBackward(bug);
    Tensor loss = broken.apply(parameter(2))[0].sum();
    assertSame(bug, assertThrows(LibTorchException.class, () -> Backward.run(loss)).getCause());
  }

  @Test
  void dropoutDropsTheSameAgain() {
    Tensor x = torch.ones_like(parameter(1000)).set_requires_grad(true);
    Tensor y =
        ActivationCheckpoint.run(
            in -> new Tensor[] {torch.dropout(Tensors.mul(in[0], 2), 0.5, true)}, x)[0];
    torch.dropout(x, 0.5, true);
    Backward.run(y.sum());
    assertClose(y, x.grad());
  }

  @Test
  void restoredStateGivesTheSameNumbers() {
    Tensor x = parameter(100);
    torch.randn_like(x);
    RandomState state = RandomState.save();
    Tensor first = torch.randn_like(x);
    state.restore();
    assertTrue(first.equal(torch.randn_like(x)));
  }

  @Test
  void rowsAreAddedInAFixedOrder() {
    Tensor values = Samples.normal(20_000, 6).to(new Device("cuda"), ScalarType.Float);
    Tensor rows = Tensors.range(0, 20_000, values).remainder(new Scalar(7L)).contiguous();
    Tensor table = torch.ones(9, 6).to(new Device("cuda"), ScalarType.Float);
    Tensor first = table.clone();
    Tensors.addRows(first, rows, values);
    Tensor expected = table.cpu().to(ScalarType.Double);
    expected.index_add_(0, rows.cpu(), values.cpu().to(ScalarType.Double));
    assertTrue(first.cpu().to(ScalarType.Double).allclose(expected, 1e-4, 1e-3, false));
    for (int i = 0; i < 10; i++) {
      Tensor again = table.clone();
      Tensors.addRows(again, rows, values);
      assertTrue(again.equal(first));
    }
  }
}
