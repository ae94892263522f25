package dev.hydra.libtorch.kernels;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import java.util.Map;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.extension.ExtendWith;

/** Kernels that are compiled, launched, and wrong. */
@ExtendWith(InScope.class)
@Tag("cuda")
@EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
class KernelCudaTest {
  private static Tensor random(long... sizes) {
    return torch.randn(sizes).to(new Device("cuda"), ScalarType.Float);
  }

  private static Kernels kernels(Tensor tensor, String file) {
    return KernelSet.of(KernelSource.of(KernelCudaTest.class, file))
        .usable(tensor, Map.of("FACTOR", 3))
        .orElseThrow();
  }

  @Test
  void theTrialPasses() {
    KernelTrial.Report report = KernelTrial.run(new Device("cuda"));
    assertTrue(report.seconds() < 60 && report.architecture().startsWith("sm_"), report.toString());
  }

  @Test
  void macrosStridesAndSharedMemoryArrive() {
    Tensor wide = random(5, 9);
    Tensor rows = wide.narrow(1, 2, 4);
    Tensor sums = torch.empty_like(wide.select(1, 0).contiguous());
    Kernel kernel = kernels(wide, "test_kernels.cu").get("scaled_sums");
    assertTrue(kernel.fits());
    kernel.launch(Kernel.Grid.of(5, 32), Kernel.strided(rows), sums, 4L, 2.0f);
    assertTrue(sums.allclose(Tensors.mul(rows.sum(1), 6.0)));
  }

  @Test
  void whatNeedsMoreSharedMemoryThanThereIsDoesNotFit() {
    Tensor x = random(2);
    Kernel kernel = kernels(x, "test_kernels.cu").get("greedy");
    assertFalse(kernel.fits());
    KernelException refused =
        assertThrows(KernelException.class, () -> kernel.launch(Kernel.Grid.of(1, 32), x));
    assertTrue(refused.getMessage().contains("greedy: launched with"), refused.getMessage());
  }

  @Test
  void sharedVariablesOfFixedSizeCountToo() {
    Tensor x = random(1);
    Kernel kernel = kernels(x, "test_kernels.cu").get("filled");
    assertTrue(kernel.fits());
    kernel.launch(Kernel.Grid.of(1, 1), x);
    assertEquals(6, Tensors.number(x));
  }

  @Test
  void blocksThatRunAtOnceAreCounted() {
    Tensor x = random(2);
    Kernel kernel = kernels(x, "test_kernels.cu").get("scaled_sums");
    int processors = Gpu.of(x).multiprocessors();
    // It takes 64 KiB of shared memory, of which a multiprocessor has 100 to 228.
    assertTrue(kernel.blocksAtOnce(32) >= processors && kernel.blocksAtOnce(32) <= 3 * processors);
    assertEquals(0, kernel.blocksAtOnce(32) % processors);
  }

  @Test
  void wrongArgumentsAreNamed() {
    Tensor x = random(4, 4);
    Kernel kernel = kernels(x, "test_kernels.cu").get("scaled_sums");
    IllegalArgumentException cpu =
        assertThrows(
            IllegalArgumentException.class,
            () -> kernel.launch(Kernel.Grid.of(1, 32), torch.ones(2)));
    assertEquals(
        "scaled_sums runs on cuda:0 and is given Float[2] of strides [1] on cpu", cpu.getMessage());
    assertThrows(
        IllegalArgumentException.class,
        () -> kernel.launch(Kernel.Grid.of(1, 32), Kernel.strided(x.t())));
    assertThrows(KernelException.class, () -> kernels(x, "test_kernels.cu").get("of_another_name"));
  }

  @Test
  void whatCannotBeCompiledFailsOrGivesWayAsTheModeSays() {
    Tensor x = random(2);
    KernelSet broken = KernelSet.of(KernelSource.of(KernelCudaTest.class, "test_broken.cu"));
    try (KernelMode.Setting auto = KernelMode.AUTO.set()) {
      assertTrue(broken.usable(x, Map.of()).isEmpty());
      assertTrue(broken.usable(x, Map.of()).isEmpty());
    }
    try (KernelMode.Setting fused = KernelMode.FUSED.set()) {
      KernelException failed =
          assertThrows(KernelException.class, () -> broken.usable(x, Map.of()));
      assertTrue(failed.getMessage().contains("test_broken.cu(2): error"), failed.getMessage());
    }
    try (KernelMode.Setting plain = KernelMode.PLAIN.set()) {
      assertTrue(broken.usable(x, Map.of()).isEmpty());
    }
  }
}
