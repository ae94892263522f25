package dev.hydra.inference;

import dev.hydra.composer.model.BatchState;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.ModelState;
import dev.hydra.composer.swap.Swapper;
import dev.hydra.libtorch.autograd.Grad;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Objects;
import java.util.function.Function;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Continues many texts with one model at the same time. Sessions join and leave between two steps
 * (continuous batching, Orca, OSDI 2022); prompts are read in chunks between the steps of those
 * that are being continued (arXiv 2308.16369). A step draws one token for each.
 *
 * <p>Sessions are opened from any thread; one thread runs the engine, see {@link EngineThread}.
 */
public final class Engine implements AutoCloseable {
  private static final System.Logger LOG = System.getLogger(Engine.class.getName());

  private final int vocabulary;
  private final EngineLimits limits;
  private final MemoryForText memory;
  private final @Nullable Swapper swapper;
  private final PromptReader reader;
  private final PrefixCache prefixes;
  private final WaitingRoom waiting;
  private final EngineStatistics statistics = new EngineStatistics();
  private final Observations observations = new Observations();
  private final List<Session> reading = new ArrayList<>();
  private final Decoding decoding;
  private final OpenSessions open;

  /**
   * Creates an engine.
   *
   * @param model stays the caller's; nobody else runs it meanwhile
   * @throws IllegalArgumentException if the model cannot be quantized where it lives
   */
  public Engine(Model model, EngineSettings settings) {
    this(
        model,
        settings,
        batch ->
            new DecodingStep(
                model,
                vocabulary(model, settings),
                batch,
                settings.graph(),
                settings.quantization(),
                message -> LOG.log(System.Logger.Level.WARNING, message)));
  }

  /** Creates an engine with its own way of making steps. */
  Engine(Model model, EngineSettings settings, Function<BatchState, DecodingStep> steps) {
    this.swapper = settings.swapper().orElse(null);
    this.vocabulary = vocabulary(model, settings);
    this.limits = settings.limits();
    this.memory = new MemoryForText(model);
    this.prefixes = new PrefixCache(limits.prefixBytes(), model.rewinding());
    this.reader = new PromptReader(model, settings.generation(), prefixes, statistics);
    this.waiting = new WaitingRoom(limits.waiting());
    this.open = new OpenSessions(statistics, prefixes);
    this.decoding = new Decoding(model, steps, reader, open, statistics, observations);
  }

  private static int vocabulary(Model model, EngineSettings settings) {
    return Math.min(settings.vocabulary(), model.spec().vocabSize());
  }

  /** Returns its bounds. */
  public EngineLimits limits() {
    return limits;
  }

  /** Returns how many tokens mean something: those that prompts may have and that are drawn. */
  public int vocabulary() {
    return vocabulary;
  }

  /** Returns how many decoding steps were replayed from CUDA graphs. */
  public long replayed() {
    return decoding.replayed();
  }

  /** Returns its counts. */
  public EngineStatistics statistics() {
    return statistics;
  }

  /** Returns what components show of its steps. */
  public Observations observations() {
    return observations;
  }

  /**
   * Opens a session.
   *
   * @throws IllegalArgumentException if the prompt is empty, has a token that the model lacks, or
   *     there would be more tokens than the engine, or on a CPU the memory, holds
   * @throws EngineBusyException if too many sessions wait
   * @throws IllegalStateException if the engine has been closed
   */
  public Session open(Request request, TokenListener listener) {
    Session session = new Session(checked(request), listener);
    open(List.of(session));
    return session;
  }

  /** Opens sessions that were {@link #prepare prepared}, all or none, as {@link #open} does. */
  public void open(List<Session> sessions) {
    open.opening(sessions.size());
    try {
      waiting.add(sessions, Math.max(0, limits.sessions() - statistics.snapshot().running()));
    } catch (RuntimeException e) {
      open.refused(sessions.size());
      throw e;
    }
    sessions.forEach(session -> statistics.opened());
  }

  /** Makes a session that is to be opened together with others. */
  public Session prepare(Request request, TokenListener listener) {
    return new Session(checked(request), listener);
  }

  private Request checked(Request request) {
    SequenceScorer.checkTokens(request.prompt(), vocabulary);
    limits.check(request);
    memory.check(request.prompt().length, request.maxTokens());
    return request;
  }

  /**
   * Makes one step, on the thread that runs the engine.
   *
   * @return whether there is more to do
   */
  public boolean step() {
    try (Grad off = Grad.off()) {
      swap();
      decoding.leaveCancelled();
      leaveCancelled();
      admit();
      read();
      count();
      decoding.step(undisturbed());
    }
    count();
    return isBusy();
  }

  /** Waits until there is something to do, or some milliseconds have passed. */
  void await(long millis) throws InterruptedException {
    waiting.await(millis);
  }

  /**
   * Lets components be exchanged, once all steps that were launched have been told; kept states are
   * of those before.
   */
  private void swap() {
    if (swapper == null) {
      return;
    }
    if (!swapper.pending() || decoding.isAhead()) {
      swapper.between(statistics.snapshot().steps());
      return;
    }
    prefixes.clear();
    List<Session> decoded = decoding.suspend();
    List<Session> all = Stream.concat(decoded.stream(), reading.stream()).toList();
    all.forEach(Session::swap);
    List<ModelState> states = all.stream().map(Session::state).filter(Objects::nonNull).toList();
    swapper.boundary(statistics.snapshot().steps(), states);
    decoding.resume(decoded);
  }

  private void count() {
    statistics.now(reading.size() + decoding.size(), waiting.size(), prefixes.bytes());
  }

  /** Says whether those who decode now are alone with their components at the next step, too. */
  private boolean undisturbed() {
    return reading.isEmpty()
        && (waiting.size() == 0 || decoding.size() >= limits.sessions())
        && (swapper == null || !swapper.pending());
  }

  private void leaveCancelled() {
    List<Session> cancelled = reading.stream().filter(Session::cancelled).toList();
    reading.removeAll(cancelled);
    cancelled.forEach(session -> open.finish(session, FinishReason.CANCELLED));
  }

  private void admit() {
    while (reading.size() + decoding.size() < limits.sessions()) {
      Session next = waiting.poll().orElse(null);
      if (next == null) {
        return;
      }
      reading.add(next);
    }
  }

  private void read() {
    int budget = limits.prefill();
    for (Iterator<Session> next = reading.iterator(); next.hasNext() && budget > 0; ) {
      Session session = next.next();
      try {
        // A text is read in the same pieces whatever is beside it: they are summed in another
        // order.
        budget -= reader.read(session, limits.prefill());
        if (reader.finished(session)) {
          next.remove();
          decoding.begin(session);
        }
      } catch (RuntimeException e) {
        next.remove();
        open.fail(session, e);
      }
    }
  }

  /** Says whether there is a session that is not over. */
  public boolean isBusy() {
    return open.any();
  }

  /**
   * Closes the engine, on the thread that runs it or after its end. Sessions that are not over are
   * cancelled.
   */
  @Override
  public void close() {
    List<Session> all = new ArrayList<>(waiting.close());
    all.addAll(reading);
    all.addAll(decoding.abandon());
    reading.clear();
    decoding.close();
    prefixes.close();
    all.forEach(session -> open.finish(session, FinishReason.CANCELLED));
    count();
  }
}
