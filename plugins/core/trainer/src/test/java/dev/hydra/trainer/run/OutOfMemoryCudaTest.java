package dev.hydra.trainer.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.hydra.libtorch.runtime.CudaMemory;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.trainer.run.Trials.Events;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.global.torch_cuda;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;

/**
 * A step that a CUDA device has no memory for; LibTorch is given little, so that others have
 * theirs.
 */
@Tag("cuda")
@EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
class OutOfMemoryCudaTest {
  private static final double LITTLE = 1L << 30;

  /** Too much for that, though its parameters are not. */
  private static final String LARGE =
      """
      model.width = 256
      data.sequence-length = 1024
      trainer { steps = 2, batch-size = 1024, precision = bf16 }
      """;

  @TempDir Path folder;

  @BeforeEach
  void little() throws IOException {
    Trials.corpus(folder);
    Device device = Devices.choose("cuda:0");
    CudaMemory.reset(device); // gives back what nobody uses
    limit((CudaMemory.peak(device) + LITTLE) / CudaMemory.total(device));
  }

  @AfterEach
  void all() {
    limit(1);
  }

  private static void limit(double share) {
    torch_cuda.getAllocator().setMemoryFraction(share, (byte) 0);
  }

  private void train(String overrides, String run, Events events) throws IOException {
    Device device = Devices.choose("cuda:0");
    try (Trainer trainer =
        Trials.trainer(folder, folder.resolve(run), overrides, events, Trials.COMPONENTS, device)) {
      trainer.run(() -> false);
    }
  }

  @Test
  void isOneMessageAndTheNextRunIsAsBefore() throws IOException {
    TrainingException thrown =
        assertThrows(TrainingException.class, () -> train(LARGE, "large", new Events()));
    assertThat(thrown.getMessage())
        .startsWith("after step 0: CUDA out of memory: ")
        .contains(
            " more were needed; cuda:0 has ",
            "a step of 1,024 sequences of 1,024 tokens is predicted to take ",
            "trainer.batch-size = ")
        .endsWith("there is no checkpoint yet")
        .doesNotContain("frame #");
    limit(1);
    Events events = new Events();
    train("trainer.precision = bf16", "small", events);
    assertEquals(List.of(), events.warnings);
    assertEquals(8, events.steps.size());
  }

  /** Its parameters are few, its windows as many as no device has memory for. */
  @Test
  void isSaidBeforeTheFirstStepWhereItIsFarTooMuch() {
    Events events = new Events();
    assertThrows(
        TrainingException.class,
        () -> train(LARGE + "trainer.batch-size = 65536", "larger", events));
    assertThat(events.warnings.get(0))
        .matches(
            "a step of 65,536 sequences of 1,024 tokens is predicted to take .* TiB, and cuda:0 has"
                + " .* GiB; predicted to fit: .*");
  }
}
