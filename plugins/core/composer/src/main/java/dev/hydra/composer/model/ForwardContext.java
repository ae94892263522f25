package dev.hydra.composer.model;

import dev.hydra.libtorch.graphs.Branches;
import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * The context of one forward of a model: what it is given besides its tokens, and the auxiliary
 * losses and observations, named by site, that it leaves besides its output. Owns these; close it
 * when they are no longer needed.
 */
public final class ForwardContext implements AutoCloseable {
  private final boolean training;
  private final boolean observing;
  private final @Nullable ModelState state;
  private final @Nullable BatchState batch;
  private final @Nullable Tensor documents;
  private final Recompute recompute;
  private @Nullable Tensor tokens;
  private @Nullable Tensor padding;
  private final Map<String, Tensor> losses = new LinkedHashMap<>();
  private @Nullable Map<String, Tensor> lossesOfPart;
  private final Map<String, Tensor> observations = new LinkedHashMap<>();
  private final Map<String, Tensor> adjustments = new LinkedHashMap<>();
  private final Map<String, Tensor> shared = new LinkedHashMap<>();
  private final List<ForwardContext> rows = new ArrayList<>();
  private boolean computed;

  private ForwardContext(
      boolean training,
      boolean observing,
      @Nullable ModelState state,
      @Nullable BatchState batch,
      @Nullable Tensor documents,
      Recompute recompute) {
    this.training = training;
    this.observing = observing;
    this.state = state;
    this.batch = batch;
    this.documents = documents;
    this.recompute = recompute;
  }

  /** Creates a context for a training step over whole sequences. */
  public static ForwardContext training() {
    return new ForwardContext(true, false, null, null, null, Recompute.NONE);
  }

  /** Creates a context for an evaluation over whole sequences. */
  public static ForwardContext evaluation() {
    return new ForwardContext(false, false, null, null, null, Recompute.NONE);
  }

  /** Returns a new context like this one, continuing from a state and leaving the new one in it. */
  public ForwardContext with(ModelState newState) {
    return new ForwardContext(training, observing, newState, null, documents, recompute);
  }

  /**
   * Returns a new context like this one, for one more token of each of several texts, which may be
   * of different length.
   */
  public ForwardContext with(BatchState newBatch) {
    return new ForwardContext(training, observing, null, newBatch, documents, recompute);
  }

  /**
   * Returns a new context like this one, over packed documents: int64 [batch, time], the document
   * of each token.
   */
  public ForwardContext withDocuments(Tensor newDocuments) {
    return new ForwardContext(training, observing, state, batch, newDocuments, recompute);
  }

  /** Returns a new context like this one, asking components for their observations. */
  public ForwardContext observing() {
    return new ForwardContext(training, true, state, batch, documents, recompute);
  }

  /** Returns a new context like this one, with some blocks computed again in backward. */
  public ForwardContext recomputing(Recompute which) {
    return new ForwardContext(training, observing, state, batch, documents, which);
  }

  /** Returns the auxiliary losses by {@code site.name}, scalars with gradient. */
  public Map<String, Tensor> losses() {
    return Collections.unmodifiableMap(losses);
  }

  /** Returns the observations by {@code site.name}. */
  public Map<String, Tensor> observations() {
    return Collections.unmodifiableMap(observations);
  }

  /** Returns the adjustments of frozen parameters, made after the step, by their full names. */
  public Map<String, Tensor> adjustments() {
    return Collections.unmodifiableMap(adjustments);
  }

  /**
   * Says which tokens this forward is about. A {@link Model} does so itself. They are kept, for a
   * backward that computes parts again.
   *
   * @param newTokens int64 [batch, time]
   */
  public void about(Tensor newTokens) {
    forgetTokens();
    tokens = Scopes.own(newTokens);
  }

  private void forgetTokens() {
    if (tokens != null) {
      tokens.close();
      tokens = null;
    }
  }

  /**
   * Says which tokens of a prompt are padding; the caller keeps the tensor alive.
   *
   * @param mask bool [1, time]
   */
  public void padded(Tensor mask) {
    padding = mask;
  }

  /**
   * Says that the forward is over: losses and adjustments are complete. What components add from
   * now on comes from a backward that computes parts again, and has been added before.
   */
  public void finish() {
    computed = true;
  }

  /** Returns the padding of the prompt, bool [1, time], if it has any. */
  Optional<Tensor> padding() {
    return Optional.ofNullable(padding);
  }

  /** Runs a part of this forward, about tokens that are made for it if none are known. */
  <T> T about(Supplier<Tensor> otherwise, Supplier<T> part) {
    if (tokens != null) {
      return part.get();
    }
    try (Tensor made = Scopes.own(Scopes.keep(otherwise))) {
      tokens = made;
      return part.get();
    } finally {
      tokens = null;
    }
  }

  /** Returns the tokens, int64 [batch, time]; throws IllegalStateException if none are known. */
  Tensor tokens() {
    if (tokens == null) {
      throw new IllegalStateException("this forward has no tokens");
    }
    return tokens;
  }

  /** Says whether this is a training step. */
  boolean isTraining() {
    return training;
  }

  /** Says whether components are asked for their observations. */
  boolean isObserving() {
    return observing;
  }

  /** Returns the decoding state to continue from; empty for whole sequences. */
  Optional<ModelState> state() {
    return Optional.ofNullable(state);
  }

  /** Returns the states of several texts to continue from. */
  Optional<BatchState> batch() {
    return Optional.ofNullable(batch);
  }

  /**
   * Returns the part of this forward that is about one row of its batch, to be closed with it: a
   * forward of its own, without observations.
   */
  ForwardContext row(int row) {
    BatchState whole = batch().orElseThrow();
    if (rows.isEmpty()) {
      for (int i = 0; i < whole.rows().size(); i++) {
        ForwardContext part = evaluation().with(whole.rows().get(i));
        part.about(Tensors.slice(tokens(), 0, i, i + 1L));
        rows.add(part);
      }
    }
    return rows.get(row);
  }

  /** Returns the document of each token, int64 [batch, time], if documents are packed. */
  Optional<Tensor> documents() {
    return Optional.ofNullable(documents);
  }

  /** Says which blocks are computed again in backward. */
  Recompute recompute() {
    return recompute;
  }

  /**
   * Runs a part of this forward whose auxiliary losses go elsewhere, even if the forward is over.
   *
   * @param into takes them by name; owned by the caller
   */
  Tensor collectingLosses(Map<String, Tensor> into, Supplier<Tensor> part) {
    Map<String, Tensor> outer = lossesOfPart;
    lossesOfPart = into;
    try {
      return part.get();
    } finally {
      lossesOfPart = outer;
    }
  }

  /** Returns what components share under a name, made by the first who asks; detached. */
  Tensor shared(String name, Supplier<Tensor> maker) {
    return shared.computeIfAbsent(
        name,
        made -> {
          Tensor value = Scopes.own(Scopes.keep(() -> maker.get().detach()));
          Branches.publish(); // a path beside this one may be the next who asks
          return value;
        });
  }

  /** Adds an auxiliary loss, summed with those of its name, unless the forward is over. */
  void addLoss(String name, Tensor loss) {
    if (lossesOfPart != null) {
      sum(lossesOfPart, name, loss);
    } else {
      add(losses, name, loss);
    }
  }

  /** Adds an adjustment, detached and summed with those of its parameter, likewise. */
  void addAdjustment(String name, Tensor delta) {
    add(adjustments, name, delta.detach());
  }

  /** Adds an observation, detached, in the place of one of the same name. */
  void addObservation(String name, Tensor value) {
    replace(observations, name, value.detach());
  }

  private void add(Map<String, Tensor> sums, String name, Tensor value) {
    if (!computed) {
      sum(sums, name, value);
    }
  }

  private static void sum(Map<String, Tensor> sums, String name, Tensor value) {
    Tensor before = sums.get(name);
    replace(sums, name, before == null ? value : before.add(value));
  }

  private static void replace(Map<String, Tensor> map, String name, Tensor value) {
    Tensor before = map.put(name, Scopes.own(value));
    if (before != null) {
      before.close();
    }
  }

  @Override
  public void close() {
    losses.values().forEach(Tensor::close);
    losses.clear();
    observations.values().forEach(Tensor::close);
    observations.clear();
    adjustments.values().forEach(Tensor::close);
    adjustments.clear();
    forgetTokens();
    rows.forEach(ForwardContext::close);
    rows.clear();
    shared.values().forEach(Tensor::close);
    shared.clear();
  }
}
