package dev.hydra.trainer.run;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.composer.swap.SwapRequest.UnexpectedKeys;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.testing.DeviceMemory;
import dev.hydra.trainer.run.Trials.Events;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.cuda.DeviceStats;
import org.bytedeco.pytorch.global.torch_cuda;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The same run on CUDA leaves the same files: taken twice, resumed, and on another device. */
@Tag("cuda")
@EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
class DeterminismCudaTest {
  private static final int STEPS = 10;

  /** Captured after three steps, so that both halves of a resumed run are partly replayed. */
  private static final int MIDDLE = 5;

  /** Every kind of component; queries meet keys of more than two blocks of the kernels. */
  private static final String RUN =
      """
      model.width = 64
      model.block.paths = [
        { mixer { type = mamba2, state = 16, head-dim = 16, chunk = 16 } }
        { mixer { type = sparse-global, heads = 2, window = 512, global-every = 64 }, at = 1 }
        { ffn { type = moe, experts = 4, hidden = 32,
                router { type = chunk-topk, chunk = 32, top-k = 2, bias-rate = 0.01 } }, gate = 0.5 }
        { memory { type = workspace, slots = 16, dim = 32, heads = 2, chunk = 32 }, gate = learned }
        { memory { type = pkm, keys = 16, key-dim = 16, value-dim = 32, heads = 2, top-k = 4 },
          gate = learned, at = 1 }
      ]
      data.sequence-length = 1280
      trainer { steps = 10, batch-size = 2, deterministic = true }
      """;

  @TempDir Path folder;

  @BeforeEach
  void corpus() throws IOException {
    Trials.corpus(folder);
  }

  private Path run(String name, String overrides, String device, boolean inParts)
      throws IOException {
    Path run = folder.resolve(name);
    Device chosen = Devices.choose(device);
    if (inParts) {
      Events first = new Events();
      try (Trainer trainer =
          Trials.trainer(folder, run, overrides, first, Trials.COMPONENTS, chosen)) {
        trainer.run(() -> first.steps.size() == MIDDLE);
      }
    }
    Events events = new Events();
    try (Trainer trainer =
        Trials.trainer(folder, run, overrides, events, Trials.COMPONENTS, chosen)) {
      if (inParts) {
        long resumed = trainer.resume(UnexpectedKeys.ERROR);
        assertTrue(resumed == MIDDLE || resumed == MIDDLE + 1, "one may be in flight: " + resumed);
      }
      trainer.run(() -> false);
    }
    assertEquals(List.of(), events.warnings);
    return run.resolve("checkpoints/step-0000" + STEPS);
  }

  private static void assertSame(Path expected, Path actual) throws IOException {
    for (String file : List.of(Checkpoint.MODEL, Checkpoint.OPTIMIZER)) {
      assertArrayEquals(
          Files.readAllBytes(expected.resolve(file)),
          Files.readAllBytes(actual.resolve(file)),
          file);
    }
  }

  /** The compute type, and the forwards of a step. */
  @ParameterizedTest
  @CsvSource({"bf16, 1", "bf16, 2", "fp32, 1"})
  void twiceAndResumed(String precision, int forwards) throws IOException {
    String overrides =
        RUN + "trainer.precision = %s, trainer.accumulate = %d\n".formatted(precision, forwards);
    Path first = run("first", overrides, "cuda", false);
    assertSame(first, run("second", overrides, "cuda", false));
    assertSame(first, run("parts", overrides, "cuda", true));
  }

  static boolean twoDevices() {
    return Devices.cudaAvailable() && torch_cuda.device_count() > 1;
  }

  @Test
  @Tag("alone")
  @Tag("two-devices")
  @EnabledIf("twoDevices")
  void onTheSecondDeviceAndNothingOnTheFirst() throws IOException {
    String overrides = RUN + "trainer.precision = bf16";
    Path first = run("first", overrides, "cuda:0", false);
    torch_cuda.getAllocator().emptyCache();
    long free = DeviceMemory.free(0);
    torch_cuda.getAllocator().resetPeakStats((byte) 0);
    long before = peak(0);
    Path second = run("second", overrides, "cuda:1", false);
    assertEquals(before, peak(0), "bytes of tensors on cuda:0");
    DeviceMemory.assertGivenBack(0, free, 16 << 20);
    assertTrue(peak(1) > 0);
    assertSame(first, second);
    assertSame(first, run("parts", overrides, "cuda:1", true));
    Devices.choose("cuda:0"); // for the tests that come after
  }

  private static long peak(int device) {
    try (DeviceStats stats = torch_cuda.getAllocator().getDeviceStats((byte) device)) {
      return stats.allocated_bytes().peak();
    }
  }
}
