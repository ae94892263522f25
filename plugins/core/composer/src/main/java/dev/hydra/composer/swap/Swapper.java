package dev.hydra.composer.swap;

import dev.hydra.api.PluginId;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.ModelComposition;
import dev.hydra.composer.model.ModelState;
import dev.hydra.composer.model.Parameter;
import dev.hydra.composer.spec.SitePath;
import dev.hydra.composer.swap.SwapReport.Status;
import dev.hydra.libtorch.runtime.FreeMemory;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Swaps components of a running model: requests come from any thread, one after the other; what
 * they built is put in place by the thread that runs the model, between two forwards, when it calls
 * {@link #boundary}.
 */
public final class Swapper implements AutoCloseable {
  private static final String INTERRUPTED = "the request was interrupted";

  private final Model model;
  private final SwapHost host;
  private final LongSupplier room;
  private final SwapQueue queue = new SwapQueue();
  private final List<Parameter> retired = new ArrayList<>();
  private volatile @Nullable AppliedSwap last;
  private volatile CompletableFuture<SwapVerdict> verdict = new CompletableFuture<>();
  private volatile @Nullable Thread owner;
  private volatile long step;
  private volatile @Nullable Runnable whenReleased;

  @FunctionalInterface
  private interface Request {
    SwapReport run() throws InterruptedException;
  }

  /** Creates the swapper of a model and of the host that runs it. */
  public Swapper(Model model, SwapHost host) {
    this(model, host, FreeMemory::bytes);
  }

  /** Creates a swapper that asks a supplier for the bytes that new parameters may take. */
  public Swapper(Model model, SwapHost host, LongSupplier room) {
    this.model = model;
    this.host = host;
    this.room = room;
  }

  /**
   * Builds, probes, waits for the boundary and switches.
   *
   * @return how it ended, refusals too
   * @throws IllegalStateException on the thread that runs the model, which would wait for itself
   */
  public SwapReport swap(SwapRequest request) {
    long begin = System.nanoTime();
    return inTurn(request.describe(), begin, () -> swap(request, begin));
  }

  private SwapReport swap(SwapRequest request, long begin) throws InterruptedException {
    if (!model.parameters().adapters().isEmpty()) {
      throw new SwapRefusedException(
          "the model is trained by low-rank adapters (trainer.lora), which belong to the components"
              + " that it has; export it merged, and swap in a training of that");
    }
    long bytes = room.getAsLong();
    try (PreparedSwap prepared =
        Worker.run(
            givenUp -> new PreparedSwap(model, request, bytes, host, givenUp), request.limit())) {
      SwapReport ready = prepared.report().at(Status.PREPARED, step, 0, System.nanoTime() - begin);
      host.reported(ready);
      return request.dryRun()
          ? ready
          : queue.atBoundary(
              request.describe(), (now, states) -> put(prepared, request, now, states, begin));
    }
  }

  private SwapReport put(
      PreparedSwap prepared, SwapRequest request, long now, List<ModelState> states, long begin) {
    long pauseBegin = System.nanoTime();
    AppliedSwap done = prepared.put(model, request, states);
    confirm("another swap was put in place", now);
    verdict = new CompletableFuture<>();
    last = done;
    if (!host.canRollBack()) {
      confirm("swaps are not guarded", now);
    }
    long end = System.nanoTime();
    return done.report()
        .at(Status.SWITCHED, now, end - pauseBegin, end - begin)
        .guarded(host.guard());
  }

  /** Rolls back the last swap, if it is not confirmed yet; waits for the boundary. */
  public SwapReport rollback() {
    long begin = System.nanoTime();
    return inTurn(
        "rollback",
        begin,
        () -> queue.atBoundary("rollback", (now, states) -> back(now, states, "asked for")));
  }

  /**
   * Rolls back the last swap at once, for the thread that runs the model.
   *
   * @param reason why
   * @throws IllegalStateException if there is nothing to roll back
   */
  public SwapReport rollbackNow(long now, String reason) {
    SwapReport report = back(now, List.of(), reason);
    host.reported(report);
    return report;
  }

  private SwapReport back(long now, List<ModelState> states, String reason) {
    long begin = System.nanoTime();
    AppliedSwap done = last;
    if (done == null) {
      throw new IllegalStateException(
          "there is no swap that can be rolled back: only the last one can, once, and in a training only"
              + " while it is guarded");
    }
    retired.addAll(done.rollback(states)); // a request in the making may build on them
    last = null;
    verdict.complete(new SwapVerdict(false, reason, now));
    released();
    long end = System.nanoTime();
    return done.report().rolledBack(reason, now, end - begin, end - begin);
  }

  /**
   * Changes the structure of the model at once, for the thread that runs it. The last swap is
   * confirmed before; one that is being built is refused, as the model is another one now.
   *
   * @param participant the host's part, which follows; closed here
   * @throws RuntimeException if that fails; then all is as it was
   */
  public void restructure(StructureChange change, SwapHost.Participant participant) {
    confirm("the structure of the model changes");
    try (participant) {
      retired.addAll(change.put(participant)); // a request in the making may build on them
    } catch (RuntimeException | Error e) {
      change.close();
      throw e;
    }
  }

  /**
   * Confirms the last swap: what is kept to roll it back goes. For the thread that runs the model.
   *
   * @param reason why, in words
   */
  public void confirm(String reason) {
    confirm(reason, step);
  }

  private void confirm(String reason, long now) {
    AppliedSwap done = last;
    if (done != null) {
      done.confirm();
      last = null;
      verdict.complete(new SwapVerdict(true, reason, now));
      released();
    }
  }

  /**
   * Returns what becomes of the swap that was put in place last, complete as soon as it is
   * confirmed or rolled back. In the turn of a request that is its own swap.
   */
  public CompletableFuture<SwapVerdict> verdict() {
    return verdict.copy();
  }

  /**
   * Runs a task in the turn of requests, such as bringing in a plugin and asking for a swap to it:
   * what is asked for within is part of the same turn.
   *
   * @throws SwapRefusedException if the end, or an interrupt of the calling thread, came before
   * @throws IllegalStateException on the thread that runs the model, which would wait for itself
   */
  public <T> T inTurn(Supplier<T> task) {
    if (Thread.currentThread().equals(owner)) {
      throw new IllegalStateException("the thread that runs the model cannot wait for itself");
    }
    try {
      return queue.run(task);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new SwapRefusedException(INTERRUPTED);
    }
  }

  /**
   * Registers a task that is run, in a turn of its own, whenever a plugin may not be needed any
   * more: a swap was confirmed or rolled back. See {@link #plugins}.
   */
  public void whenReleased(Runnable task) {
    whenReleased = task;
  }

  private void released() {
    Runnable task = whenReleased;
    if (task != null) {
      queue.add(task);
    }
  }

  /** Says whether the last swap can be rolled back. For the thread that runs the model. */
  public boolean canRollBack() {
    return last != null;
  }

  /** Returns the owner's steps at the last boundary. */
  public long step() {
    return step;
  }

  /** Says whether a request waits for the boundary. */
  public boolean pending() {
    return queue.hasReady();
  }

  /** Lists what stands at every site, by its path, nested ones too. */
  public Map<SitePath, SwapReport.Version> list() {
    Map<SitePath, SwapReport.Version> all = new LinkedHashMap<>();
    model
        .slots()
        .forEach(site -> all.put(site.path(), SwapReport.Version.of(site.site().registration())));
    return all;
  }

  /**
   * Describes the model as it is now, in the turn of requests, so that no swap is half done.
   *
   * @param tokens the sequence length to count FLOPs at
   * @throws SwapRefusedException if the end came before
   */
  public ModelComposition composition(long tokens) {
    return inTurn(() -> ModelComposition.of(model, tokens));
  }

  /**
   * Returns the plugins that components come from, and those that a rollback of the last swap would
   * bring back.
   */
  public Set<PluginId> plugins() {
    Set<PluginId> plugins = new TreeSet<>();
    AppliedSwap done = last; // first: a rollback clears it last
    if (done != null) {
      done.before().collectPlugins(plugins);
    }
    plugins.addAll(model.plugins());
    return plugins;
  }

  /** Runs what waits for the boundary, where nothing is being decoded. */
  public Optional<SwapReport.Status> boundary(long now) {
    return boundary(now, List.of());
  }

  /**
   * Runs what waits for the boundary, between two forwards.
   *
   * @param now how many steps the owner has made
   * @param state the decoding state that the owner goes on with, if any
   * @return how what waited ended, if anything did
   */
  public Optional<SwapReport.Status> boundary(long now, @Nullable ModelState state) {
    return boundary(now, state == null ? List.of() : List.of(state));
  }

  /**
   * Runs what waits for the boundary, between two forwards.
   *
   * @param now how many steps the owner has made
   * @param states the decoding states that the owner goes on with, each with its own tensors
   * @return how what waited ended, if anything did
   */
  public Optional<SwapReport.Status> boundary(long now, List<ModelState> states) {
    between(now);
    Optional<SwapQueue.Ready> next = queue.take();
    if (next.isEmpty()) {
      return Optional.empty();
    }
    SwapReport report = run(next.get(), now, states);
    try {
      host.reported(report);
    } finally {
      next.get().report().complete(report);
    }
    return Optional.of(report.status());
  }

  /** Says whether a boundary has nothing to do: no swap waits or can be rolled back. */
  public boolean settled() {
    return !pending() && last == null && retired.isEmpty();
  }

  /**
   * Hears, between two forwards, how far the owner is, where it need not be a boundary as nothing
   * is {@link #pending}.
   *
   * @param now how many steps the owner has made
   */
  public void between(long now) {
    owner = Thread.currentThread();
    step = now;
    if (!retired.isEmpty() && queue.idle()) {
      retired.forEach(Parameter::close);
      retired.clear();
    }
  }

  private static SwapReport run(SwapQueue.Ready ready, long now, List<ModelState> states) {
    long begin = System.nanoTime();
    try {
      return ready.action().run(now, states);
    } catch (Throwable e) { // whatever a plugin throws: whoever asked waits for an answer
      return SwapReport.refused(
          ready.request(), Worker.describe(e), now, System.nanoTime() - begin);
    }
  }

  private SwapReport inTurn(String what, long begin, Request request) {
    try {
      return inTurn(() -> answered(what, begin, request));
    } catch (SwapRefusedException e) {
      return refused(what, String.valueOf(e.getMessage()), begin);
    }
  }

  @SuppressWarnings("InterruptedExceptionSwallowed") // this turn was meant, not its thread
  private SwapReport answered(String what, long begin, Request request) {
    try {
      return request.run();
    } catch (InterruptedException e) {
      return refused(what, INTERRUPTED, begin);
    } catch (RuntimeException | Error e) {
      return refused(what, Worker.describe(e), begin);
    }
  }

  private SwapReport refused(String what, String reason, long begin) {
    SwapReport report = SwapReport.refused(what, reason, step, System.nanoTime() - begin);
    host.reported(report);
    return report;
  }

  /**
   * Closes the swapper: what waits is refused, what is being built is waited for (its limit holds),
   * the last swap stays.
   */
  @Override
  public void close() {
    queue.close();
    confirm("the run has ended");
    retired.forEach(Parameter::close);
    retired.clear();
  }
}
