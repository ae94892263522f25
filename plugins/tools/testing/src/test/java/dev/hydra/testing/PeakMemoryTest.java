package dev.hydra.testing;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Pointer;
import org.junit.jupiter.api.Test;

class PeakMemoryTest {
  private static final long MEBIBYTE = 1 << 20;

  @Test
  void whatIsNeededForAMomentIsSeen() {
    use(512); // a larger peak of before hides nothing
    AssertionError found =
        assertThrows(
            AssertionError.class, () -> PeakMemory.assertBelow(200 * MEBIBYTE, () -> use(256)));
    assertTrue(String.valueOf(found.getMessage()).startsWith("needs 2"), found.getMessage());
  }

  @Test
  void whatNeedsLessPasses() {
    PeakMemory.assertBelow(200 * MEBIBYTE, () -> use(64));
  }

  private static void use(long mebibytes) {
    try (BytePointer bytes = new BytePointer(mebibytes * MEBIBYTE)) {
      Pointer.memset(bytes, 1, bytes.capacity());
    }
  }
}
