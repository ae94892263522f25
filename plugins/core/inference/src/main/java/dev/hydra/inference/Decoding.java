package dev.hydra.inference;

import dev.hydra.composer.model.BatchState;
import dev.hydra.composer.model.ForwardContext;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.ModelState;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * The sessions of an engine whose prompts have been read: each step draws a token for all of them.
 * Their states stand in a batch, in the order of the sessions.
 */
final class Decoding implements AutoCloseable {
  private final Model model;
  private final PromptReader reader;
  private final OpenSessions open;
  private final EngineStatistics statistics;
  private final Observations observations;
  private final List<Session> sessions = new ArrayList<>();
  private final BatchState batch;
  private final DecodingStep step;

  /** A step that was launched before the tokens of the one before it were known. */
  private @Nullable LaunchedStep ahead;

  /**
   * Begins without sessions.
   *
   * @param steps makes the steps of a batch
   * @param reader keeps the states that texts are left in
   * @param open is told of sessions that are over
   */
  Decoding(
      Model model,
      Function<BatchState, DecodingStep> steps,
      PromptReader reader,
      OpenSessions open,
      EngineStatistics statistics,
      Observations observations) {
    this.model = model;
    this.reader = reader;
    this.open = open;
    this.statistics = statistics;
    this.observations = observations;
    this.batch = model.batch();
    this.step = steps.apply(batch);
  }

  /** Returns how many sessions there are. */
  int size() {
    return sessions.size();
  }

  /** Returns how many steps were replayed from CUDA graphs. */
  long replayed() {
    return step.replayed();
  }

  /** Takes a session whose prompt has been read but for its last token, or all of it. */
  void begin(Session session) {
    try {
      join(session);
    } catch (RuntimeException e) {
      open.fail(session, e);
    }
  }

  private void join(Session session) {
    if (session.request().maxTokens() == 0) {
      open.finish(session, FinishReason.LENGTH);
      return;
    }
    ModelState state = session.state();
    if (state == null) {
      state = new ModelState();
      session.state(state);
    }
    if (batch.accepts(state) || first(session, state)) {
      batch.add(state);
      session.state(null);
      sessions.add(session);
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
      tell(new LaunchedStep(List.of(session), logits, () -> tokens));
      return !session.isOver();
    }
  }

  /**
   * Draws a token for each session. The step after it is launched before the host waits for these
   * tokens, where it can be: the device goes on while sessions are told.
   *
   * @param undisturbed whether nobody is about to join, and no component about to be exchanged
   */
  void step(boolean undisturbed) {
    if (ahead == null && sessions.isEmpty()) {
      return;
    }
    try (PointerScope scope = new PointerScope()) {
      LaunchedStep now = ahead == null ? launch() : ahead;
      ahead = undisturbed && goesOn(now) ? step.follow(now).orElse(null) : null;
      tell(now);
    } catch (RuntimeException e) {
      ahead = null;
      List<Session> all = List.copyOf(sessions);
      sessions.clear();
      batch.close();
      all.forEach(session -> open.fail(session, e));
      return;
    }
    for (int i = sessions.size() - 1; i >= 0; i--) {
      if (sessions.get(i).isOver()) {
        leave(i);
      }
    }
  }

  private LaunchedStep launch() {
    List<Session> all = List.copyOf(sessions);
    return observations.due()
        ? step.observed(all, seen -> observations.put(statistics.snapshot().steps(), seen))
        : step.launch(all);
  }

  /**
   * Says whether the step after one is for the same sessions, as far as is known without its
   * tokens, and takes nothing from that one which somebody asks for, such as its logits.
   */
  private boolean goesOn(LaunchedStep now) {
    return now.by().equals(sessions)
        && !observations.due()
        && sessions.stream()
            .allMatch(
                session ->
                    !session.cancelled()
                        && !session.request().scores().drawn()
                        && session.drawn() + 1 < session.request().maxTokens());
  }

  /** Says whether a step has been launched whose tokens nobody has been told. */
  boolean isAhead() {
    return ahead != null;
  }

  /** Tells each session that is not over the token that was drawn. */
  private void tell(LaunchedStep step) {
    List<Session> by = step.by();
    int[] tokens = step.drawn().get();
    List<TokenScore> scores = DrawnScores.of(step.logits(), tokens, by);
    long told = by.stream().filter(session -> !session.isOver()).count();
    if (told > 0) {
      statistics.drawn(told);
    }
    for (int i = 0; i < tokens.length; i++) {
      if (!by.get(i).isOver()) {
        accept(by.get(i), scores.get(i));
      }
    }
  }

  private void accept(Session session, TokenScore drawn) {
    try {
      if (drawn.token() == Sampler.NOT_FINITE) {
        throw NotFiniteException.logits(model.placement());
      }
      session.add(drawn.token());
      boolean more = session.listener().token(drawn);
      if (!more || session.request().endTokens().contains(drawn.token())) {
        open.finish(session, FinishReason.STOP);
      } else if (session.drawn() == session.request().maxTokens()) {
        open.finish(session, FinishReason.LENGTH);
      }
    } catch (RuntimeException e) {
      open.fail(session, e);
    }
  }

  /** Lets those go that were cancelled. */
  void leaveCancelled() {
    for (int i = sessions.size() - 1; i >= 0; i--) {
      Session session = sessions.get(i);
      if (session.cancelled()) {
        leave(i);
        open.finish(session, FinishReason.CANCELLED);
      }
    }
  }

  /** Lets a session leave; the last one takes its place, in the batch too. */
  private void leave(int row) {
    Session session = sessions.get(row);
    Session last = sessions.remove(sessions.size() - 1);
    if (last != session) {
      sessions.set(row, last);
    }
    if (reader.keeps(session) && !session.failed()) {
      reader.keep(session, batch.remove(row));
    } else {
      batch.drop(row);
    }
  }

  /**
   * Gives all sessions away, each with its state, as components may be exchanged now; not while a
   * step {@link #isAhead}. Then they {@link #resume}.
   */
  List<Session> suspend() {
    List<ModelState> states = batch.removeAll();
    List<Session> all = List.copyOf(sessions);
    sessions.clear();
    for (int i = 0; i < all.size(); i++) {
      all.get(i).state(states.get(i));
    }
    step.forget();
    return all;
  }

  /** Goes on with sessions that were suspended, with the model as it is now. */
  void resume(List<Session> suspended) {
    step.changed();
    suspended.forEach(this::begin);
  }

  /** Gives the sessions away that are not over, without their states. */
  List<Session> abandon() {
    List<Session> all = List.copyOf(sessions);
    sessions.clear();
    return all;
  }

  @Override
  public void close() {
    ahead = null;
    step.close();
    batch.close();
  }
}
