package dev.hydra.libtorch.nn;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.hydra.libtorch.runtime.Tensors;
import java.util.Optional;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;

class LinearTest {
  @Test
  void paddingAppendsZerosAndChangesNothingElse() {
    try (PointerScope scope = new PointerScope()) {
      Tensor x = torch.randn(2, 5, 8).to(ScalarType.Double);
      Tensor weight = torch.randn(13, 8).to(ScalarType.Double).set_requires_grad(true);
      Tensor bias = torch.randn(13).to(ScalarType.Double).set_requires_grad(true);
      Linear linear = new Linear(weight, Optional.of(bias));
      Tensor expected = linear.apply(x);
      Tensor padded = linear.applyPadded(x, 3);
      assertArrayEquals(new long[] {2, 5, 16}, Tensors.sizes(padded));
      assertEquals(0, distance(expected, padded.narrow(2, 0, 13)), 1e-14);
      assertEquals(0, Tensors.number(padded.narrow(2, 13, 3).abs().max()));

      Tensor direction = torch.randn(2, 5, 13).to(ScalarType.Double);
      padded.narrow(2, 0, 13).mul(direction).sum().backward();
      Tensor flat = direction.flatten(0, 1);
      assertEquals(0, distance(flat.t().matmul(x.flatten(0, 1)), weight.grad()), 1e-13);
      assertEquals(0, distance(flat.sum(0), bias.grad()), 1e-13);
    }
  }

  @Test
  void mapsAreAppliedToTheSameRows() {
    try (PointerScope scope = new PointerScope()) {
      Tensor x = torch.randn(2, 5, 8).to(ScalarType.Double);
      Linear first = new Linear(torch.randn(3, 8).to(ScalarType.Double), Optional.empty());
      Linear second =
          new Linear(
              torch.randn(4, 8).to(ScalarType.Double),
              Optional.of(torch.randn(4).to(ScalarType.Double)));
      Tensor[] both = Linear.applyAll(x, first, second);
      assertEquals(2, both.length);
      assertEquals(0, distance(first.apply(x), both[0]), 1e-14);
      assertEquals(0, distance(second.apply(x), both[1]), 1e-14);
    }
  }

  @Test
  void rowsAreFilledUpOnCudaOnly() {
    try (PointerScope scope = new PointerScope()) {
      Linear linear = new Linear(torch.randn(13, 8), Optional.empty());
      assertEquals(13, linear.applyAligned(torch.randn(2, 8)).size(1));
    }
  }

  @Test
  @Tag("cuda")
  @EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
  void rowsOnCudaAreMultiplesOf16Bytes() {
    try (PointerScope scope = new PointerScope()) {
      Tensor x = torch.randn(4, 8).to(new Device("cuda"), ScalarType.BFloat16);
      Tensor weight = torch.randn(13, 8).to(new Device("cuda"), ScalarType.BFloat16);
      Tensor aligned = new Linear(weight, Optional.empty()).applyAligned(x);
      assertEquals(16, aligned.size(1));
      Tensor expected = x.to(ScalarType.Float).matmul(weight.to(ScalarType.Float).t());
      assertEquals(0, distance(expected, aligned.narrow(1, 0, 13)), 0.1);
      Linear fp32 = new Linear(weight.to(ScalarType.Float), Optional.empty());
      assertEquals(16, fp32.applyAligned(x.to(ScalarType.Float)).size(1));
      Linear even = new Linear(weight.narrow(0, 0, 8), Optional.empty());
      assertEquals(8, even.applyAligned(x).size(1));
    }
  }

  private static double distance(Tensor expected, Tensor actual) {
    return Tensors.number(expected.sub(actual).abs().max());
  }
}
