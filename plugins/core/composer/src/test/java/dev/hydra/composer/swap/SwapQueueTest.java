package dev.hydra.composer.swap;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** One owner of the order of swaps. */
@Timeout(30)
class SwapQueueTest {
  private final SwapQueue queue = new SwapQueue();
  private final CountDownLatch gate = new CountDownLatch(1);
  private final List<String> done = new CopyOnWriteArrayList<>();
  private final AtomicReference<Thread> turns = new AtomicReference<>();

  private static void until(BooleanSupplier condition) {
    while (!condition.getAsBoolean()) {
      Thread.onSpinWait();
    }
  }

  /** A thread that asks, and what it is answered: a text, or what was thrown. */
  private record Asking(Thread thread, CompletableFuture<Object> answer) {
    void join() throws InterruptedException {
      thread.join();
    }
  }

  private Asking ask(Supplier<String> task) {
    CompletableFuture<Object> answer = new CompletableFuture<>();
    Thread thread =
        new Thread(
            () -> {
              try {
                answer.complete(queue.run(task));
              } catch (InterruptedException | RuntimeException e) {
                answer.complete(e);
              }
            });
    thread.start();
    return new Asking(thread, answer);
  }

  /** A turn that holds all others up until the gate opens, or it is interrupted. */
  private Asking hold() {
    Asking holding =
        ask(
            () -> {
              turns.set(Thread.currentThread());
              try {
                gate.await();
                return "held";
              } catch (InterruptedException e) {
                return "interrupted";
              }
            });
    until(() -> turns.get() != null);
    return holding;
  }

  private Asking waiting(String name) {
    Asking asking =
        ask(
            () -> {
              done.add(name);
              return name;
            });
    until(() -> asking.thread().getState() == Thread.State.WAITING);
    return asking;
  }

  private static SwapReport report(String reason) {
    return SwapReport.refused("test", reason, 0, 0);
  }

  @Test
  void turnsComeInTheOrderInWhichTheyWereAskedFor() {
    hold();
    List<Asking> all = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      all.add(waiting("turn " + i));
    }
    queue.add(() -> done.add("last"));
    assertEquals(List.of(), done);
    gate.countDown();
    until(queue::idle);
    assertEquals(List.of("turn 0", "turn 1", "turn 2", "turn 3", "turn 4", "last"), done);
    all.forEach(each -> assertInstanceOf(String.class, each.answer().join()));
  }

  @Test
  void whatATurnAsksForIsPartOfIt() throws InterruptedException {
    String answer =
        queue.run(
            () -> {
              try {
                return "in a turn: " + queue.run(() -> "the same");
              } catch (InterruptedException e) {
                throw new IllegalStateException(e);
              }
            });
    assertEquals("in a turn: the same", answer);
  }

  @Test
  void noThreadWaitsForTurns() throws InterruptedException {
    hold();
    assertTrue(turns.get().isDaemon());
    gate.countDown();
    turns.get().join();
    assertEquals("again", queue.run(() -> "again"));
  }

  @Test
  void aTurnThatFailsDoesNotEndTheOthers() throws InterruptedException {
    IllegalStateException e =
        assertThrows(
            IllegalStateException.class,
            () ->
                queue.run(
                    () -> {
                      throw new UnsupportedOperationException("not today");
                    }));
    assertInstanceOf(UnsupportedOperationException.class, e.getCause());
    queue.add(
        () -> {
          throw new AssertionError();
        });
    assertEquals("next", queue.run(() -> "next"));
  }

  @Test
  void whoIsInterruptedBeforeItsTurnLosesIt() throws InterruptedException {
    hold();
    Asking impatient = waiting("impatient");
    Asking patient = waiting("patient");
    impatient.thread().interrupt();
    assertInstanceOf(InterruptedException.class, impatient.answer().join());
    gate.countDown();
    assertEquals("patient", patient.answer().join());
    impatient.join();
    assertEquals(List.of("patient"), done);
  }

  @Test
  void whoIsInterruptedInItsTurnEndsItAndNoOther() {
    Asking holding = hold();
    Asking next = waiting("next");
    Supplier<String> asks = () -> Thread.currentThread().isInterrupted() ? "spoilt" : "clean";
    Asking last = ask(asks);
    holding.thread().interrupt();
    assertEquals("interrupted", holding.answer().join());
    assertEquals("next", next.answer().join());
    assertEquals("clean", last.answer().join());
  }

  @Test
  void theBoundaryTakesWhatIsReadyOnce() {
    Asking asking =
        ask(
            () -> {
              try {
                return queue.atBoundary("it", (step, state) -> report("at " + step)).reason();
              } catch (InterruptedException e) {
                throw new IllegalStateException(e);
              }
            });
    until(queue::hasReady);
    assertFalse(queue.idle());
    SwapQueue.Ready ready = queue.take().orElseThrow();
    assertEquals("it", ready.request());
    assertEquals(Optional.empty(), queue.take());
    asking.thread().interrupt(); // too late
    ready.report().complete(ready.action().run(7, null));
    assertEquals("at 7", asking.answer().join());
  }

  @Test
  void theEndRefusesWhatWaitsAndWaitsForTheTurn() throws InterruptedException {
    Asking holding = hold();
    Asking waiting = waiting("late");
    Thread closing = new Thread(queue::close);
    closing.start();
    assertInstanceOf(SwapRefusedException.class, waiting.answer().join());
    assertTrue(closing.isAlive());
    assertThrows(SwapRefusedException.class, () -> queue.run(() -> "later"));
    queue.add(() -> done.add("later"));
    gate.countDown();
    closing.join();
    assertEquals("held", holding.answer().join());
    assertTrue(queue.idle());
    assertEquals(List.of(), done);
  }

  @Test
  void theEndRefusesWhatIsReady() {
    Asking asking =
        ask(
            () -> {
              try {
                return queue.atBoundary("it", (step, state) -> report("done")).reason();
              } catch (InterruptedException e) {
                throw new IllegalStateException(e);
              }
            });
    until(queue::hasReady);
    queue.close();
    SwapRefusedException refused =
        assertInstanceOf(SwapRefusedException.class, asking.answer().join());
    assertEquals("the run has ended", refused.getMessage());
    assertEquals(Optional.empty(), queue.take());
  }
}
