package dev.hydra.libtorch.runtime;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import org.bytedeco.openblas.presets.openblas_nolapack;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class OpenBlasTest {
  private int before;

  @BeforeEach
  void useTwoThreads() {
    before = OpenBlas.threads();
    openblas_nolapack.blas_set_num_threads(2);
  }

  @AfterEach
  void restore() {
    openblas_nolapack.blas_set_num_threads(before);
  }

  @Test
  void isKeptToOneThreadInside() {
    assertEquals(2, OpenBlas.threads(), "it is the number that OpenBLAS goes by");
    assertEquals(1, OpenBlas.unthreaded(OpenBlas::threads));
    assertEquals(1, OpenBlas.unthreaded(() -> OpenBlas.unthreaded(OpenBlas::threads)));
    assertEquals(2, OpenBlas.threads());
  }

  @Test
  void failuresRestoreIt() {
    assertThrows(
        IllegalStateException.class,
        () ->
            OpenBlas.unthreaded(
                () -> {
                  throw new IllegalStateException();
                }));
    assertEquals(2, OpenBlas.threads());
  }

  @Test
  void theLastOneOutRestoresIt() throws Exception {
    CountDownLatch entered = new CountDownLatch(1);
    CountDownLatch leave = new CountDownLatch(1);
    FutureTask<Boolean> other =
        new FutureTask<>(
            () ->
                OpenBlas.unthreaded(
                    () -> {
                      entered.countDown();
                      return awaited(leave);
                    }));
    new Thread(other).start();
    assertTrue(awaited(entered));
    assertEquals(1, OpenBlas.unthreaded(OpenBlas::threads));
    assertEquals(1, OpenBlas.threads(), "the other one is inside");
    leave.countDown();
    assertTrue(other.get());
    assertEquals(2, OpenBlas.threads());
  }

  private static boolean awaited(CountDownLatch latch) {
    try {
      latch.await();
      return true;
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }
}
