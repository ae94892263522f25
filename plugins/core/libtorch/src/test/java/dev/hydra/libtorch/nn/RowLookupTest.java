package dev.hydra.libtorch.nn;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.autograd.Backward;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(InScope.class)
class RowLookupTest {
  private static final long BATCH = 2;
  private static final long ROWS = 9;
  private static final long WIDTH = 5;

  private static Tensor random(Device device, long... sizes) {
    return torch.randn(sizes, new TensorOptions(ScalarType.Float)).to(device, ScalarType.Float);
  }

  /** Few different numbers, so that most rows are looked up often. */
  private static Tensor index(Device device, long batch, long count) {
    return torch.randint(ROWS, new long[] {batch, count}).to(device, ScalarType.Long);
  }

  private static Tensor gradient(Tensor rows, Tensor index, Tensor dy) {
    Tensor leaf = rows.clone().detach().set_requires_grad(true);
    Backward.run(RowLookup.of(leaf, index).mul(dy).sum());
    return leaf.grad().clone();
  }

  private static void equalsGather(Device device, long batchOfIndex) {
    Tensor rows = random(device, BATCH, ROWS, WIDTH);
    Tensor index = index(device, batchOfIndex, 40);
    Tensor dy = random(device, BATCH, 40, WIDTH);
    Tensor wide = index.unsqueeze(-1).expand(BATCH, 40, WIDTH);
    assertTrue(RowLookup.of(rows, index).equal(rows.gather(1, wide)));
    Tensor expected = Tensors.zeros(rows, Tensors.sizes(rows)).scatter_add(1, wide, dy);
    assertTrue(gradient(rows, index, dy).allclose(expected, 1e-5, 1e-5, false));
  }

  @Test
  void itIsAGather() {
    equalsGather(Devices.cpu(), BATCH);
    equalsGather(Devices.cpu(), 1);
  }

  @Test
  @Tag("cuda")
  @EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
  void onCudaToo() {
    equalsGather(new Device("cuda:0"), BATCH);
    equalsGather(new Device("cuda:0"), 1);
  }

  @Test
  @Tag("cuda")
  @EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
  void onCudaTheGradientIsTheSameEachTime() {
    Device cuda = new Device("cuda:0");
    Tensor rows = random(cuda, BATCH, ROWS, 64);
    Tensor index = index(cuda, BATCH, 8192);
    Tensor dy = random(cuda, BATCH, 8192, 64);
    Tensor first = gradient(rows, index, dy);
    for (int i = 0; i < 10; i++) {
      assertTrue(gradient(rows, index, dy).equal(first), "run " + i);
    }
  }
}
