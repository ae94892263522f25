package dev.hydra.libtorch.nn;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.hydra.libtorch.nn.FusedCrossEntropy.Layout;
import org.junit.jupiter.api.Test;

/** How rows of logits are laid out and cut for the kernel. */
class CrossEntropyLayoutTest {
  private static final long H100 = 227 << 10;

  @Test
  void rowsBeginWhereWholeVectorsDo() {
    assertEquals(new Layout(50264, 8, 512, 50256), Layout.of(50257, 2, H100));
    assertEquals(new Layout(12, 4, 512, 8), Layout.of(11, 4, H100));
  }

  @Test
  void longRowsAreTakenAlone() {
    assertEquals(new Layout(131072, 8, 1024, 115200), Layout.of(131072, 2, H100));
  }

  @Test
  void whereThereIsLessSharedMemoryLessIsKept() {
    assertEquals(new Layout(50304, 8, 512, 24320), Layout.of(50304, 2, 99 << 10));
    assertEquals(new Layout(131072, 8, 1024, 49664), Layout.of(131072, 2, 99 << 10));
  }

  @Test
  void ofAVerySmallVocabularyNothingIsKept() {
    assertEquals(new Layout(8, 8, 512, 0), Layout.of(2, 2, H100));
  }
}
