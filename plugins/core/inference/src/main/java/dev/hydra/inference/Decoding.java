package dev.hydra.inference;

import dev.hydra.composer.model.BatchState;
import dev.hydra.composer.model.ForwardContext;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.ModelState;
import dev.hydra.libtorch.graphs.GraphMode;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;

/**
 * The sessions of an engine whose prompts have been read: each step draws a token for all of them.
 * Their states stand in a batch, in the order of the sessions.
 */
final class Decoding implements AutoCloseable {
  private static final System.Logger LOG = System.getLogger(Decoding.class.getName());

  private final Model model;
  private final PromptReader reader;
  private final OpenSessions open;
  private final EngineStatistics statistics;
  private final Observations observations;
  private final List<Session> sessions = new ArrayList<>();
  private final BatchState batch;
  private final DecodingStep step;

  /**
   * Begins without sessions.
   *
   * @param vocabulary how many tokens mean something
   * @param graph whether steps are captured as CUDA graphs
   * @param quantization what weights are rounded to
   * @param reader keeps the states that texts are left in
   * @param open is told of sessions that are over
   */
  Decoding(
      Model model,
      int vocabulary,
      GraphMode graph,
      Quantization quantization,
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
    this.step =
        new DecodingStep(
            model,
            vocabulary,
            batch,
            graph,
            quantization,
            message -> LOG.log(System.Logger.Level.WARNING, message));
  }

  /** Returns how many sessions there are. */
  int size() {
    return sessions.size();
  }

  /** Returns the positions of the texts; what components keep of them stands in the batch. */
  List<ModelState> states() {
    return batch.rows();
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
      return told(new DecodingStep.Result(logits, tokens), List.of(session)).get(0);
    }
  }

  /** Draws a token for each session. */
  void step() {
    if (sessions.isEmpty()) {
      return;
    }
    List<Boolean> goOn;
    try (PointerScope scope = new PointerScope()) {
      long[] last = sessions.stream().mapToLong(Session::last).toArray();
      List<SampledRow> rows = sessions.stream().map(Session::row).toList();
      long steps = statistics.snapshot().steps();
      goOn =
          told(
              observations.due()
                  ? step.observed(last, rows, seen -> observations.put(steps, seen))
                  : step.run(last, rows),
              sessions);
    } catch (RuntimeException e) {
      List<Session> all = List.copyOf(sessions);
      sessions.clear();
      batch.close();
      all.forEach(session -> open.fail(session, e));
      return;
    }
    for (int i = sessions.size() - 1; i >= 0; i--) {
      if (!goOn.get(i)) {
        leave(i);
      }
    }
  }

  /** Tells each session the token that was drawn; returns which of them go on. */
  private List<Boolean> told(DecodingStep.Result drawn, List<Session> by) {
    int[] tokens = drawn.tokens();
    List<TokenScore> scores = DrawnScores.of(drawn.logits(), tokens, by);
    statistics.drawn(tokens.length);
    List<Boolean> goOn = new ArrayList<>();
    for (int i = 0; i < tokens.length; i++) {
      goOn.add(accept(by.get(i), scores.get(i)));
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
        open.finish(session, FinishReason.STOP);
        return false;
      }
      if (session.drawn() == session.request().maxTokens()) {
        open.finish(session, FinishReason.LENGTH);
        return false;
      }
      return true;
    } catch (RuntimeException e) {
      open.fail(session, e);
      return false;
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
    if (reader.keeps(session)) {
      reader.keep(session, batch.remove(row));
    } else {
      batch.drop(row);
    }
  }

  /**
   * Gives all sessions away, each with its state, as components may be exchanged now. Then they
   * {@link #resume}.
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
    step.close();
    batch.close();
  }
}
