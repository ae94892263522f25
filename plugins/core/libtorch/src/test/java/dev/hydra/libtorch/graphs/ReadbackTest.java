package dev.hydra.libtorch.graphs;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.hydra.testing.InScope;
import org.bytedeco.cuda.global.cudart;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(InScope.class)
@Tag("cuda")
@EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
class ReadbackTest {
  private static final Device CUDA = new Device("cuda:0");

  @Test
  void theHostHasNumbersWhileTheDeviceGoesOn() {
    Tensor numbers = Tensor.create(new long[] {3, 1, 4}).to(CUDA, ScalarType.Long);
    Tensor large = torch.randn(8192, 8192).to(CUDA, ScalarType.Float);
    try (SideStream stream = new SideStream(CUDA);
        Readback first = new Readback(stream, ScalarType.Long, 3);
        Readback second = new Readback(stream, ScalarType.Long, 4);
        Scalar one = new Scalar(1L)) {
      stream.call(() -> large.matmul(large)); // what is slow at first use
      synchronize();
      stream.call(
          () -> {
            first.begin(numbers);
            Tensor product = large;
            for (int i = 0; i < 20; i++) {
              product = large.matmul(product);
            }
            second.begin(numbers.add_(one));
            return product;
          });
      assertArrayEquals(new long[] {3, 1, 4}, first.integers());
      assertEquals(cudart.cudaErrorNotReady, cudart.cudaStreamQuery(stream.handle()));
      cudart.cudaGetLastError(); // or the next check of LibTorch finds it
      assertArrayEquals(new long[] {4, 2, 5}, second.integers());
      stream.call(
          () -> {
            first.begin(numbers.narrow(0, 1, 2));
            return numbers;
          });
      assertArrayEquals(new long[] {2, 5}, first.integers());
    }
  }

  private static void synchronize() {
    assertEquals(cudart.cudaSuccess, cudart.cudaDeviceSynchronize());
  }
}
