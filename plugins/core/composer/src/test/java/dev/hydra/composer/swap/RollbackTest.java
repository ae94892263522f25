package dev.hydra.composer.swap;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.api.PluginId;
import dev.hydra.composer.model.ForwardContext;
import dev.hydra.composer.model.ModelState;
import dev.hydra.composer.model.Models;
import dev.hydra.composer.model.OddMixer;
import dev.hydra.composer.model.Owner;
import dev.hydra.composer.model.RunningSumFactory;
import dev.hydra.composer.spec.SitePath;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** The way back from a swap, and what stands until it is closed. */
@ExtendWith(InScope.class)
class RollbackTest {
  /** Cannot go back the first time. */
  private record Stubborn(AtomicInteger attempts) implements SwapHost {
    @Override
    public Participant prepare(Change change) {
      Participant none = SwapHost.none().prepare(change);
      return new Participant() {
        @Override
        public void begin() {
          none.begin();
        }

        @Override
        public void switched() {
          none.switched();
        }

        @Override
        public void rolledBack() {
          if (attempts.incrementAndGet() == 1) {
            throw new IllegalStateException("stubborn");
          }
        }

        @Override
        public void close() {
          none.close();
        }
      };
    }

    @Override
    public void reported(SwapReport report) {}

    @Override
    public boolean canRollBack() {
      return true;
    }
  }

  @Test
  void whatCannotBeUndoneStaysWhole() {
    try (Owner owner =
        new Owner(Models.hybrid(), new Stubborn(new AtomicInteger()), Long.MAX_VALUE)) {
      var before = owner.model.parameters().byName();
      assertTrue(owner.swap(SwapRequest.to(RunningSumFactory.version("1"))).switched());
      var after = owner.model.parameters().byName();
      IllegalStateException e =
          assertThrows(IllegalStateException.class, () -> owner.swapper.rollbackNow(9, "test"));
      assertEquals("stubborn", e.getMessage());
      assertSame(after, owner.model.parameters().byName());
      assertEquals(
          "1", owner.swapper.list().get(new SitePath("blocks.0.mixer")).plugin().version());
      assertEquals(
          SwapReport.Status.ROLLED_BACK,
          owner.swapper.rollbackNow(10, "test").status(),
          "once more");
      assertSame(before, owner.model.parameters().byName());
      assertFalse(owner.swapper.canRollBack());
    }
  }

  /** Does what was asked of a swapper from another thread. */
  private static SwapReport done(Owner owner, Supplier<SwapReport> request) {
    return done(owner, Optional.empty(), request);
  }

  private static SwapReport done(
      Owner owner, Optional<ModelState> state, Supplier<SwapReport> request) {
    CompletableFuture<SwapReport> answer = CompletableFuture.supplyAsync(request);
    while (!answer.isDone()) {
      owner.swapper.boundary(1, state.orElse(null));
      Thread.onSpinWait();
    }
    return answer.join();
  }

  @Test
  void onlyTheLastSwapIsUndone() {
    try (Owner owner =
        new Owner(Models.hybrid(), new Stubborn(new AtomicInteger(1)), Long.MAX_VALUE)) {
      assertTrue(owner.swap(SwapRequest.to(RunningSumFactory.version("1"))).switched());
      assertTrue(owner.swap(SwapRequest.to(RunningSumFactory.version("2"))).switched());
      SwapReport refused = owner.swap(SwapRequest.to(OddMixer.of(site -> (x, pass) -> x)));
      assertEquals(SwapReport.Status.REFUSED, refused.status());
      SwapReport back = done(owner, owner.swapper::rollback);
      assertEquals(SwapReport.Status.ROLLED_BACK, back.status(), back.reason());
      assertEquals("2", back.sites().get(0).from().plugin().version());
      assertEquals(
          "1", owner.swapper.list().get(new SitePath("blocks.0.mixer")).plugin().version());
      SwapReport again = done(owner, owner.swapper::rollback);
      assertEquals(SwapReport.Status.REFUSED, again.status());
      assertThat(again.reason()).contains("no swap that can be rolled back");
      assertEquals(
          "1", owner.swapper.list().get(new SitePath("blocks.0.mixer")).plugin().version());
    }
  }

  @Test
  void everySwapHasAVerdict() {
    try (Owner owner =
        new Owner(Models.hybrid(), new Stubborn(new AtomicInteger(1)), Long.MAX_VALUE)) {
      assertTrue(owner.swap(SwapRequest.to(RunningSumFactory.version("1"))).switched());
      var first = owner.swapper.verdict();
      assertFalse(first.isDone());
      assertTrue(owner.swap(SwapRequest.to(RunningSumFactory.version("2"))).switched());
      assertTrue(first.join().stays());
      assertEquals("another swap was put in place", first.join().reason());
      var second = owner.swapper.verdict();
      owner.swapper.rollbackNow(7, "test");
      assertEquals(new SwapVerdict(false, "test", 7), second.join());
      assertTrue(owner.swap(SwapRequest.to(RunningSumFactory.version("3"))).switched());
      var third = owner.swapper.verdict();
      owner.swapper.close();
      assertEquals("the run has ended", third.join().reason());
    }
  }

  private static <T> T inTurn(Owner owner, Supplier<T> task) {
    return CompletableFuture.supplyAsync(() -> owner.swapper.inTurn(task)).join();
  }

  @Test
  void whatIsReleasedIsToldOfInATurn() {
    try (Owner owner =
        new Owner(Models.hybrid(), new Stubborn(new AtomicInteger(1)), Long.MAX_VALUE)) {
      List<Set<String>> told = new CopyOnWriteArrayList<>();
      List<Thread> threads = new CopyOnWriteArrayList<>();
      owner.swapper.whenReleased(
          () -> {
            threads.add(Thread.currentThread());
            told.add(
                owner.swapper.plugins().stream()
                    .map(PluginId::toString)
                    .collect(Collectors.toSet()));
          });
      SwapReport nested =
          done(
              owner,
              () ->
                  owner.swapper.inTurn(
                      () -> owner.swapper.swap(SwapRequest.to(RunningSumFactory.version("1")))));
      assertTrue(nested.switched(), nested.reason());
      assertEquals(List.of(), told, "what was before is kept");
      assertTrue(owner.swap(SwapRequest.to(RunningSumFactory.version("2"))).switched());
      assertEquals(1, inTurn(owner, told::size), "at the next swap");
      assertTrue(told.get(0).containsAll(Set.of("sums 1", "sums 2")), told.toString());
      owner.swapper.rollbackNow(2, "test");
      assertEquals(2, inTurn(owner, told::size), "when it is undone");
      assertThat(told.get(1)).contains("sums 1").doesNotContain("sums 2");
      assertTrue(owner.swap(SwapRequest.to(RunningSumFactory.version("3"))).switched());
      owner.swapper.confirm("asked for");
      assertEquals(3, inTurn(owner, told::size), "when it is confirmed");
      assertThat(told.get(2)).as(told.toString()).doesNotContain("sums 1");
      assertThat(threads).doesNotContain(Thread.currentThread());
    }
  }

  /** A component that remembers something else than the sum. */
  private static SwapRequest remembering() {
    return SwapRequest.to(
        OddMixer.stateless(
            (x, pass) -> {
              pass.cache().ifPresent(cache -> cache.put("other", Tensors.slice(x, 1, 0, 1)));
              return x;
            }));
  }

  private static void decode(Owner owner, ModelState state) {
    try (ForwardContext forward = ForwardContext.evaluation().with(state)) {
      owner.model.hidden(Models.tokens(1, 2), forward);
    }
  }

  @Test
  void theWayBackMindsTheDecodingState() {
    for (SwapRequest.State policy : SwapRequest.State.values()) {
      try (Owner owner =
              new Owner(Models.hybrid(), new Stubborn(new AtomicInteger(1)), Long.MAX_VALUE);
          ModelState state = new ModelState()) {
        assertTrue(owner.swap(Optional.of(state), remembering().state(policy)).get(0).switched());
        decode(owner, state);
        SwapReport back = done(owner, Optional.of(state), owner.swapper::rollback);
        boolean reset = policy == SwapRequest.State.RESET;
        assertEquals(
            reset ? SwapReport.Status.ROLLED_BACK : SwapReport.Status.REFUSED,
            back.status(),
            back.reason());
        assertTrue(
            reset || back.reason().contains("roll the swap back between texts"), back.reason());
        decode(owner, state);
        assertEquals(4, state.position());
        assertEquals(!reset, state.export().containsKey("blocks.0.mixer/other"));
        assertEquals(reset, state.export().containsKey("blocks.0.mixer/sum"));
      }
    }
  }

  @Test
  void whatWasBuiltForAnotherModelIsRefused() {
    try (Owner owner =
        new Owner(Models.hybrid(), new Stubborn(new AtomicInteger(1)), Long.MAX_VALUE)) {
      assertTrue(owner.swap(SwapRequest.to(RunningSumFactory.version("1"))).switched());
      CompletableFuture<SwapReport> answer =
          CompletableFuture.supplyAsync(
              () -> owner.swapper.swap(SwapRequest.to(RunningSumFactory.version("2"))));
      while (!owner.swapper.pending()) {
        Thread.onSpinWait();
      }
      owner.swapper.rollbackNow(2, "the guard"); // between the request and its boundary
      owner.swapper.boundary(2);
      assertEquals("the model has changed meanwhile; ask again", answer.join().reason());
      assertEquals(
          SwapReport.Status.SWITCHED,
          owner.swap(SwapRequest.to(RunningSumFactory.version("2"))).status(),
          "as told");
    }
  }
}
