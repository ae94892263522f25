package dev.hydra.testing;

import static org.junit.jupiter.api.Assertions.assertTrue;

import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Pointer;
import org.junit.jupiter.api.Test;

class PeakMemoryTest {
  private static final long MEBIBYTE = 1 << 20;

  /** A larger peak of before hides nothing. */
  @Test
  void seesWhatIsGivenBackBeforeTheEnd() {
    use(512);
    long peak = PeakMemory.during(() -> use(256));
    assertTrue(peak > 240 * MEBIBYTE && peak < 400 * MEBIBYTE, peak + " bytes");
  }

  private static void use(long mebibytes) {
    try (BytePointer bytes = new BytePointer(mebibytes * MEBIBYTE)) {
      Pointer.memset(bytes, 1, bytes.capacity());
    }
  }
}
