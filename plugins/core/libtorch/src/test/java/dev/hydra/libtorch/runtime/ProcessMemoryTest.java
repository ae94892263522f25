package dev.hydra.libtorch.runtime;

import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import org.bytedeco.javacpp.IntPointer;
import org.junit.jupiter.api.Test;

class ProcessMemoryTest {
  private static final long MEBIBYTE = 1 << 20;

  /** The kernel or another thread may give memory back during one attempt, but not in each. */
  @Test
  void seesWhatIsUsed() {
    assumeTrue(Files.exists(Path.of("/proc/self/clear_refs")), "Linux only");
    ProcessMemory.peakDuring(() -> use(1)); // loads the native library
    List<OptionalLong> attempts = new ArrayList<>();
    for (int attempt = 0; attempt < 10; attempt++) {
      OptionalLong bytes = ProcessMemory.peakDuring(() -> use(64));
      attempts.add(bytes);
      if (bytes.orElse(0) > 60 * MEBIBYTE) {
        break;
      }
    }
    long last = attempts.get(attempts.size() - 1).orElse(0);
    assertTrue(last > 60 * MEBIBYTE && last < 128 * MEBIBYTE, attempts.toString());
  }

  @Test
  void doesNotCountWhatWasThereBefore() {
    assumeTrue(Files.exists(Path.of("/proc/self/clear_refs")), "Linux only");
    try (IntPointer held = filled(64)) {
      long least = Long.MAX_VALUE;
      for (int attempt = 0; attempt < 10; attempt++) {
        least = Math.min(least, ProcessMemory.peakDuring(() -> use(1)).orElse(Long.MAX_VALUE));
      }
      assertTrue(least < 16 * MEBIBYTE && held.capacity() > 0, least + " bytes");
    }
  }

  private static void use(long mebibytes) {
    filled(mebibytes).close();
  }

  private static IntPointer filled(long mebibytes) {
    IntPointer memory = new IntPointer(mebibytes * MEBIBYTE / Integer.BYTES);
    memory.fill(1);
    return memory;
  }
}
