package dev.hydra.inference;

import dev.hydra.composer.model.BatchState;
import dev.hydra.composer.model.ForwardContext;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.ModelState;
import dev.hydra.composer.swap.Swapper;
import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.graphs.GraphMode;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
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

  private final Model model;
  private final int vocabulary;
  private final EngineLimits limits;
  private final @Nullable Swapper swapper;
  private final PromptReader reader;
  private final PrefixCache prefixes;
  private final WaitingRoom waiting;
  private final EngineStatistics statistics = new EngineStatistics();
  private final Observations observations = new Observations();
  private final List<Session> reading = new ArrayList<>();
  private final List<Session> live = new ArrayList<>();
  private final BatchState batch;
  private final DecodingStep step;
  private final SessionEnds ends;

  /**
   * Creates an engine.
   *
   * @param model stays the caller's; nobody else runs it meanwhile
   * @param vocabulary how many tokens mean something; a model may have room for more
   * @param settings what some of them mean
   */
  public Engine(Model model, int vocabulary, GenerationSettings settings, EngineLimits limits) {
    this(model, vocabulary, settings, limits, null);
  }

  /**
   * Creates an engine of a model whose components may be swapped between two steps.
   *
   * @param swapper exchanges them
   */
  public Engine(
      Model model,
      int vocabulary,
      GenerationSettings settings,
      EngineLimits limits,
      @Nullable Swapper swapper) {
    this(model, vocabulary, settings, limits, swapper, GraphMode.AUTO);
  }

  /**
   * Creates an engine that captures its steps or does not.
   *
   * @param graph whether steps are captured as CUDA graphs
   */
  public Engine(
      Model model,
      int vocabulary,
      GenerationSettings settings,
      EngineLimits limits,
      @Nullable Swapper swapper,
      GraphMode graph) {
    this.swapper = swapper;
    this.model = model;
    this.vocabulary = Math.min(vocabulary, model.spec().vocabSize());
    this.limits = limits;
    this.batch = model.batch();
    this.step =
        new DecodingStep(
            model,
            this.vocabulary,
            batch,
            graph,
            message -> LOG.log(System.Logger.Level.WARNING, message));
    this.prefixes = new PrefixCache(limits.prefixBytes());
    this.ends = new SessionEnds(statistics, prefixes);
    this.reader = new PromptReader(model, settings, prefixes, statistics);
    this.waiting = new WaitingRoom(limits.waiting());
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
    return step.replayed();
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
   *     there would be more tokens than the engine holds
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
    ends.expect(sessions.size());
    try {
      waiting.add(sessions, Math.max(0, limits.sessions() - statistics.snapshot().running()));
    } catch (RuntimeException e) {
      ends.expect(-sessions.size());
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
      leave(live, true);
      leave(reading, false);
      admit();
      read();
      count();
      decode();
    }
    count();
    return isBusy();
  }

  /** Waits until there is something to do, or some milliseconds have passed. */
  void await(long millis) throws InterruptedException {
    waiting.await(millis);
  }

  /** Lets components be exchanged; kept states are of those before. */
  private void swap() {
    if (swapper == null || !swapper.pending()) {
      return;
    }
    prefixes.clear();
    List<ModelState> states = new ArrayList<>(batch.removeAll());
    List<Session> decoded = List.copyOf(live);
    live.clear();
    for (int i = 0; i < decoded.size(); i++) {
      decoded.get(i).state(states.get(i));
    }
    for (Session session : reading) {
      ModelState state = session.state();
      if (state != null) {
        states.add(state);
      }
    }
    swapper.boundary(statistics.snapshot().steps(), states);
    step.changed();
    decoded.forEach(this::begin);
  }

  private void count() {
    statistics.now(reading.size() + live.size(), waiting.size(), prefixes.bytes());
  }

  private void leave(List<Session> sessions, boolean batched) {
    for (int i = sessions.size() - 1; i >= 0; i--) {
      Session session = sessions.get(i);
      if (session.cancelled()) {
        if (batched) {
          leaveBatch(i);
        } else {
          sessions.remove(i);
        }
        ends.finish(session, FinishReason.CANCELLED);
      }
    }
  }

  private void admit() {
    while (reading.size() + live.size() < limits.sessions()) {
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
        budget -= reader.read(session, budget);
        if (reader.finished(session)) {
          next.remove();
          begin(session);
        }
      } catch (RuntimeException e) {
        next.remove();
        ends.fail(session, e);
      }
    }
  }

  /** Goes on with a session whose prompt has been read but for its last token, or all of it. */
  private void begin(Session session) {
    try {
      join(session);
    } catch (RuntimeException e) {
      ends.fail(session, e);
    }
  }

  private void join(Session session) {
    if (session.request().maxTokens() == 0) {
      ends.finish(session, FinishReason.LENGTH);
      return;
    }
    ModelState state = session.state();
    if (state == null) {
      state = new ModelState();
      session.state(state);
    }
    if (batch.accepts(state) || first(session, state)) {
      session.state(null);
      batch.add(state);
      live.add(session);
    }
  }

  /**
   * Draws where there is no state yet that could be joined with others: after a prompt of one
   * token, or for a component that has just been swapped in and knows nothing of the text. Says
   * whether the session goes on.
   */
  private boolean first(Session session, ModelState state) {
    try (PointerScope scope = new PointerScope();
        ForwardContext forward = ForwardContext.evaluation().with(state)) {
      Tensor ids = SequenceScorer.ids(model, new int[] {session.last()});
      Tensor logits = step.logits(ids, forward);
      int[] tokens = Sampler.draw(logits, List.of(session.row()));
      return told(new DecodingStep.Result(logits, tokens), List.of(session)).get(0);
    }
  }

  private void decode() {
    if (live.isEmpty()) {
      return;
    }
    List<Boolean> goOn;
    try (PointerScope scope = new PointerScope()) {
      long[] last = live.stream().mapToLong(Session::last).toArray();
      List<SampledRow> rows = live.stream().map(Session::row).toList();
      long steps = statistics.snapshot().steps();
      goOn =
          told(
              observations.due()
                  ? step.observed(last, rows, seen -> observations.put(steps, seen))
                  : step.run(last, rows),
              live);
    } catch (RuntimeException e) {
      List<Session> all = List.copyOf(live);
      live.clear();
      batch.close();
      all.forEach(session -> ends.fail(session, e));
      return;
    }
    for (int i = live.size() - 1; i >= 0; i--) {
      if (!goOn.get(i)) {
        leaveBatch(i);
      }
    }
  }

  /** Tells each session the token that was drawn; returns which of them go on. */
  private List<Boolean> told(DecodingStep.Result drawn, List<Session> sessions) {
    int[] tokens = drawn.tokens();
    List<TokenScore> scores = DrawnScores.of(drawn.logits(), tokens, sessions);
    statistics.drawn(tokens.length);
    List<Boolean> goOn = new ArrayList<>();
    for (int i = 0; i < tokens.length; i++) {
      goOn.add(accept(sessions.get(i), scores.get(i)));
    }
    return goOn;
  }

  private boolean accept(Session session, TokenScore drawn) {
    try {
      if (drawn.token() == Sampler.NOT_FINITE) {
        throw NotFiniteException.logits();
      }
      session.add(drawn.token());
      boolean more = session.listener().token(drawn);
      if (!more || session.request().endTokens().contains(drawn.token())) {
        ends.finish(session, FinishReason.STOP);
        return false;
      }
      if (session.drawn() == session.request().maxTokens()) {
        ends.finish(session, FinishReason.LENGTH);
        return false;
      }
      return true;
    } catch (RuntimeException e) {
      ends.fail(session, e);
      return false;
    }
  }

  /**
   * Lets a session leave the batch, where the last one takes its place. The state that its text was
   * left in is kept: it has seen all but the last token.
   */
  private void leaveBatch(int row) {
    Session session = live.get(row);
    Session last = live.remove(live.size() - 1);
    if (last != session) {
      live.set(row, last);
    }
    if (prefixes.enabled() && reader.reusable(session)) {
      int[] tokens = session.tokens();
      prefixes.put(Arrays.copyOf(tokens, tokens.length - 1), batch.remove(row));
    } else {
      batch.drop(row);
    }
  }

  /** Says whether there is a session that is not over. */
  public boolean isBusy() {
    return ends.areAwaited();
  }

  /**
   * Closes the engine, on the thread that runs it or after its end. Sessions that are not over are
   * cancelled.
   */
  @Override
  public void close() {
    List<Session> all = new ArrayList<>(waiting.close());
    all.addAll(reading);
    all.addAll(live);
    reading.clear();
    live.clear();
    step.close();
    batch.close();
    prefixes.close();
    all.forEach(session -> ends.finish(session, FinishReason.CANCELLED));
    count();
  }
}
