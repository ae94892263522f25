package dev.hydra.trainer.swap;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** What is done beside a training. */
class BackgroundTest {
  @Test
  void keepsTheOrderAndIsWaitedFor() {
    List<Integer> done = Collections.synchronizedList(new ArrayList<>());
    CountDownLatch begin = new CountDownLatch(1);
    Background background = new Background();
    background.execute(
        () -> {
          try {
            begin.await();
          } catch (InterruptedException e) {
            throw new IllegalStateException(e);
          }
        });
    IntStream.range(0, 100).forEach(i -> background.execute(() -> done.add(i)));
    assertThat(done).isEmpty();
    begin.countDown();
    Thread.currentThread().interrupt(); // as an impatient caller does
    background.close();
    assertTrue(Thread.interrupted(), "the interrupt is not lost");
    assertEquals(IntStream.range(0, 100).boxed().toList(), done);
  }

  @Test
  void whatComesLateIsDoneAtOnce() {
    Background background = new Background();
    background.close();
    background.close();
    List<Thread> by = new ArrayList<>();
    background.execute(() -> by.add(Thread.currentThread()));
    assertEquals(List.of(Thread.currentThread()), by);
  }
}
