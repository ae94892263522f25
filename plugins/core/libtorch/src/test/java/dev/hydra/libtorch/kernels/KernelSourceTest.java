package dev.hydra.libtorch.kernels;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(InScope.class)
class KernelSourceTest {
  private static final Gpu HOPPER = new Gpu(0, 9, 0, 132, 232_448);
  private static final Gpu AMPERE = new Gpu(1, 8, 6, 84, 101_376);

  @Test
  void aMissingResourceIsNamed() {
    IllegalArgumentException missing =
        assertThrows(
            IllegalArgumentException.class,
            () -> KernelSource.of(KernelTrial.class, "trial.cu", "nowhere.cu"));
    assertEquals(
        "there is no nowhere.cu beside dev.hydra.libtorch.kernels.KernelTrial",
        missing.getMessage());
  }

  @Test
  void partsThatOperatorsShareAreFoundFromAnyPackage() {
    String text = KernelSource.of(Tensors.class, "primitives.cu", "vectors.cu").text();
    assertTrue(text.contains("exp2_fast") && text.contains("struct bf16"), text);
    assertThrows(
        IllegalArgumentException.class, () -> KernelSource.of(Tensors.class, "nowhere.cu"));
  }

  @Test
  void linesAreThoseOfTheFiles() {
    String text = KernelSource.of(KernelTrial.class, "trial.cu", "trial.cu").text();
    assertEquals(2, text.split("#line 1 \"trial.cu\"\n", -1).length - 1);
  }

  @Test
  void macrosThatItNeverMentionsAreLeftOut() {
    KernelSource source = KernelSource.of(KernelTrial.class, "trial.cu");
    assertEquals(
        List.of(
            "--gpu-architecture=sm_90a",
            "--std=c++17",
            "--device-as-default-execution-space",
            "-Dcount=3",
            "-Dtwice=1"),
        source.options(HOPPER, Map.of("twice", 1, "THRICE", 2, "count", 3)));
    assertEquals("--gpu-architecture=sm_86", source.options(AMPERE, Map.of()).get(0));
  }

  @Test
  void chipsBeforeAmpereAreNotSupported() {
    assertTrue(HOPPER.supported() && AMPERE.supported());
    KernelSet kernels = KernelSet.of(KernelSource.of(KernelTrial.class, "trial.cu"));
    Gpu turing = new Gpu(2, 7, 5, 40, 65_536);
    KernelException refused =
        assertThrows(KernelException.class, () -> kernels.load(turing, Map.of()));
    assertEquals(
        "CUDA kernels need compute capability 8.0 or later; cuda:2 has 7.5", refused.getMessage());
  }

  @Test
  void nothingIsUsableOnACpu() {
    KernelSet kernels = KernelSet.of(KernelSource.of(KernelTrial.class, "trial.cu"));
    try (KernelMode.Setting fused = KernelMode.FUSED.set()) {
      assertTrue(kernels.usable(torch.ones(2), Map.of()).isEmpty());
    }
  }

  @Test
  void gridsOutOfRangeAreRefused() {
    assertEquals(new Kernel.Grid(7, 1, 1, 128), Kernel.Grid.of(7, 128));
    for (long[] each : new long[][] {{0, 1, 1}, {1, 65_536, 1}, {1, 1, 0}, {1L << 31, 1, 1}}) {
      assertThrows(
          IllegalArgumentException.class, () -> new Kernel.Grid(each[0], each[1], each[2], 32));
    }
  }
}
