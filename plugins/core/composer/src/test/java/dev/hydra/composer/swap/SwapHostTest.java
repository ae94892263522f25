package dev.hydra.composer.swap;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.api.Init;
import dev.hydra.api.Migration;
import dev.hydra.api.Registration;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.ModelState;
import dev.hydra.composer.model.Models;
import dev.hydra.composer.model.OddMixer;
import dev.hydra.composer.model.OddRouter;
import dev.hydra.composer.model.Owner;
import dev.hydra.composer.model.RunningSumFactory;
import dev.hydra.composer.model.Texts;
import dev.hydra.composer.spec.SitePath;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.Handles;
import dev.hydra.testing.InScope;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Who asks for a swap, who runs the model, and what happens when one of them is in trouble. */
@ExtendWith(InScope.class)
class SwapHostTest {
  /** Counts what it is asked to prepare, and hears. */
  private record Counting(AtomicInteger prepared, Consumer<SwapReport> heard) implements SwapHost {
    @Override
    public Participant prepare(Change change) {
      prepared.incrementAndGet();
      return SwapHost.none().prepare(change);
    }

    @Override
    public void reported(SwapReport report) {
      heard.accept(report);
    }

    @Override
    public boolean canRollBack() {
      return false;
    }
  }

  @Test
  void whoComesBackLateTouchesNothing() throws InterruptedException {
    CountDownLatch hangs = new CountDownLatch(1);
    AtomicInteger interrupts = new AtomicInteger();
    AtomicReference<Thread> worker = new AtomicReference<>();
    Registration hanging =
        OddMixer.of(
            site -> {
              worker.set(Thread.currentThread());
              Tensor more = site.parameter("more", Init.ones(), 1000);
              while (hangs.getCount() > 0) {
                try {
                  hangs.await();
                } catch (InterruptedException e) {
                  interrupts.incrementAndGet(); // and goes on, as bad plugins do
                }
              }
              Tensor weight = site.parameter("weight", Init.ones(), site.width(), site.width());
              return (x, pass) -> Tensors.linear(x, weight).add(more.sum());
            });
    AtomicInteger prepared = new AtomicInteger();
    Counting host = new Counting(prepared, report -> {});
    Thread late;
    try (Owner owner = new Owner(Models.hybrid())) {
      owner.swap(SwapRequest.to(RunningSumFactory.version("1"))); // what the first time leaves
    }
    Handles handles = Handles.count();
    try (PointerScope scope = new PointerScope(); // a device stays in the scope of a model
        Owner owner = new Owner(Models.hybrid(), host, Long.MAX_VALUE)) {
      owner.swap(SwapRequest.to(RunningSumFactory.version("1")));
      assertEquals(1, prepared.get());
      SwapReport report = owner.swap(SwapRequest.to(hanging).within(Duration.ofMillis(200)));
      assertThat(report.reason()).contains("its thread is left behind");
      assertEquals(
          SwapReport.Status.SWITCHED,
          owner.swap(SwapRequest.to(RunningSumFactory.version("2"))).status(),
          "others need not wait for it");
      late = worker.get();
    }
    assertTrue(late.isAlive());
    hangs.countDown(); // the model is closed by now
    late.join(10_000);
    assertFalse(late.isAlive());
    assertEquals(2, prepared.get(), "nothing is prepared of what nobody waits for");
    handles.sample();
    handles.assertFlat(1);
  }

  @Test
  void whoAskedIsAnsweredWhateverIsThrown() {
    AtomicInteger calls = new AtomicInteger();
    Migration failing =
        old -> {
          if (calls.incrementAndGet() > 4) { // at the boundary: two sites, tried and done
            throw SwapHostTest.<RuntimeException>unchecked(new IOException("disk"));
          }
          return Map.of("other", old.get("weight").alias());
        };
    Registration registration =
        OddMixer.of(
            failing,
            site -> {
              Tensor weight = site.parameter("other", Init.ones(), site.width(), site.width());
              return (x, pass) -> Tensors.linear(x, weight);
            });
    try (Owner owner = new Owner(Models.hybrid())) {
      SwapReport report = owner.swap(SwapRequest.to(registration));
      assertEquals(SwapReport.Status.REFUSED, report.status());
      assertEquals("disk", report.reason());
      assertEquals(5, calls.get());
    }
  }

  @SuppressWarnings({"unchecked", "TypeParameterUnusedInFormals"}) // hides a checked exception
  private static <E extends Exception> E unchecked(Exception e) throws E {
    throw (E) e;
  }

  @Test
  void whoAskedIsAnsweredIfNobodyCanBeTold() {
    Consumer<SwapReport> deaf =
        report -> {
          if (report.switched()) {
            throw new IllegalStateException("no screen");
          }
        };
    try (Model model = Models.hybrid();
        Swapper swapper =
            new Swapper(model, new Counting(new AtomicInteger(), deaf), () -> Long.MAX_VALUE)) {
      CompletableFuture<SwapReport> answer =
          CompletableFuture.supplyAsync(
              () -> swapper.swap(SwapRequest.to(RunningSumFactory.version("1"))));
      while (!swapper.pending()) {
        Thread.onSpinWait();
      }
      assertThrows(IllegalStateException.class, () -> swapper.boundary(1));
      assertTrue(answer.join().switched());
    }
  }

  @Test
  void whoIsInterruptedLeavesNothing() throws InterruptedException {
    try (Owner owner = new Owner(Models.hybrid())) {
      CompletableFuture<SwapReport> answer = new CompletableFuture<>();
      Thread asking =
          new Thread(
              () ->
                  answer.complete(
                      owner.swapper.swap(SwapRequest.to(RunningSumFactory.version("1")))));
      asking.start();
      while (!owner.swapper.pending()) {
        Thread.onSpinWait();
      }
      asking.interrupt();
      assertEquals("the request was interrupted", answer.join().reason());
      asking.join();
      assertFalse(owner.swapper.pending());
      assertEquals(Optional.empty(), owner.swapper.boundary(1));
      assertEquals(
          SwapReport.Status.SWITCHED,
          owner.swap(SwapRequest.to(RunningSumFactory.version("2"))).status());
    }
  }

  @Test
  void componentsBelowBeginWhereThoseAboveDo() {
    try (ModelState state = new ModelState()) {
      state.advance(5);
      state.forget(new SitePath("blocks.0.ffn"));
      state.advance(2);
      assertEquals(2, state.site(new SitePath("blocks.0.ffn")).position());
      assertEquals(2, state.site(new SitePath("blocks.0.ffn.router")).position());
      assertEquals(2, state.site(new SitePath("blocks.0.ffn.router.below")).position());
      assertEquals(7, state.site(new SitePath("blocks.0.ffn2")).position());
      assertEquals(7, state.site(new SitePath("blocks.0.mixer")).position());
    }
  }

  @Test
  void optionsOfAnotherNestedTypeAreNotMixed() {
    try (Owner owner = new Owner(Models.hybrid())) {
      for (String router : List.of("type = choosy, taste = 3", "type = plain")) {
        SwapRequest request =
            new SwapRequest(
                List.of(OddRouter.of("choosy", "taste"), OddRouter.of("plain")),
                List.of("blocks.1.ffn"),
                Optional.of(Texts.config("router { " + router + " }")),
                SwapRequest.UnexpectedKeys.DROP,
                SwapRequest.State.REFUSE,
                false,
                SwapRequest.LIMIT);
        SwapReport report = owner.swap(request);
        assertEquals(SwapReport.Status.SWITCHED, report.status(), report.reason());
      }
      assertEquals("plain", owner.swapper.list().get(new SitePath("blocks.1.ffn.router")).type());
    }
  }
}
