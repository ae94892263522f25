package dev.hydra.libtorch.runtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;

class LibTorchExceptionTest {
  @Test
  void nativeStackTraceIsCutOff() {
    RuntimeException thrown =
        assertThrows(RuntimeException.class, () -> torch.ones(2, 3).matmul(torch.ones(2, 3)));
    assertThat(thrown.getMessage()).contains("Exception raised from");
    LibTorchException readable = LibTorchException.of(thrown);
    assertEquals("mat1 and mat2 shapes cannot be multiplied (2x3 and 2x3)", readable.getMessage());
    assertSame(thrown, readable.getCause());
  }

  @Test
  void thatOfAnAllocationToo() {
    RuntimeException thrown =
        assertThrows(RuntimeException.class, () -> torch.empty(new long[] {1L << 55}));
    String readable = LibTorchException.readable(thrown);
    assertThat(readable).contains("can't allocate memory");
    assertThat(readable).doesNotContain("frame #0");
  }

  @Test
  void otherMessagesStay() {
    assertEquals("text", LibTorchException.readable(new IllegalStateException("text")));
    assertEquals("IllegalStateException", LibTorchException.readable(new IllegalStateException()));
  }
}
