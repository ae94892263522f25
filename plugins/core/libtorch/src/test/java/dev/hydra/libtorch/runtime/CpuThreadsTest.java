package dev.hydra.libtorch.runtime;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;

class CpuThreadsTest {
  @Test
  void aloneButForWhatIsLarge() {
    int usual = torch.get_num_threads();
    try (CpuThreads.Alone alone = CpuThreads.alone()) {
      assertEquals(1, torch.get_num_threads());
      assertEquals(1, CpuThreads.all(false, torch::get_num_threads));
      assertEquals(usual, CpuThreads.all(true, torch::get_num_threads));
      assertEquals(1, torch.get_num_threads(), "alone again");
      assertThrows(
          IllegalStateException.class,
          () ->
              CpuThreads.all(
                  true,
                  () -> {
                    throw new IllegalStateException("large work that fails");
                  }));
      assertEquals(1, torch.get_num_threads(), "after a failure, too");
    }
    assertEquals(usual, torch.get_num_threads());
    assertEquals(usual, CpuThreads.all(true, torch::get_num_threads));
  }
}
