package dev.hydra.api;

import java.util.Optional;
import java.util.function.Supplier;
import org.bytedeco.pytorch.Tensor;
import org.osgi.annotation.versioning.ProviderType;

/** One forward pass, as the component at one site sees it. */
@ProviderType
public interface Pass {
  /** Returns the tokens themselves, int64 [batch, time]: what the hidden states came from. */
  Tensor tokens();

  /** Says whether this is a training step: then auxiliary losses are wanted. */
  boolean training();

  /** Returns the state to start from and to leave the new state in; empty for whole sequences. */
  Optional<StateCache> cache();

  /**
   * Returns the number of the document that each token of packed sequences belongs to: int64
   * [batch, time], never falling along time. A token sees its own document only. Never set together
   * with a cache. Empty if every row is one document.
   */
  Optional<Tensor> documents();

  /**
   * Returns what components share in one forward because it depends on nothing but the pass, such
   * as masks made of {@link #documents}: the first who asks makes it. It lives as long as the
   * forward and has no gradient. Components share nothing else that a forward makes: paths of a
   * block may run beside each other, each on a CUDA stream of its own (the current one), and only
   * what is shared here is ordered.
   *
   * @param name what it is; who uses the same name means the same
   */
  Tensor shared(String name, Supplier<Tensor> maker);

  /**
   * Returns the padding of a prompt, at the start of a cache of one row: bool [1, time], true for
   * the tokens that only fill it up. Full attention does not look at them, now and later, and does
   * not count them in positions; state spaces take nothing of them into their state, which goes on
   * decaying; other components take them for tokens. This is what published hybrid models do. Empty
   * everywhere else.
   */
  Optional<Tensor> padding();

  /**
   * Adds a loss to the training objective. A component that is called several times in one forward
   * adds one each time: losses of one name are summed. Where a backward computes a part of the
   * forward again, as activation checkpointing does, nothing is added a second time; the first
   * computation of such a part records no gradient, so that a loss made there trains nothing: hand
   * what it is computed from out of the part.
   *
   * @param name what it is, for metrics, such as {@code balance}
   * @param loss a scalar with gradient, already multiplied by its coefficient
   */
  void auxiliaryLoss(String name, Tensor loss);

  /**
   * Moves a frozen parameter of this site by a delta, once the optimizer has made its step: for
   * what is adjusted by a rule and not by a gradient. Deltas of one parameter in one forward are
   * summed, as losses are; those of all forwards of a step are averaged. Without effect outside
   * training.
   *
   * @param parameter its name below the site, as in {@link ParameterSpec#frozen()}
   * @param delta of its shape; detached
   */
  void adjust(String parameter, Tensor delta);

  /** Says whether somebody looks at observations; if not, do not compute them. */
  boolean observing();

  /**
   * Reports an inner quantity (expert load, gate values) under a name; it is detached and copied.
   * Of several under one name in one forward the last stays. A vector is for what is few, such as
   * experts. Of what is many, such as the rows of a memory, report a sparse vector (COO): who looks
   * at a model at work is shown its largest entries, and metrics leave it out.
   */
  void observe(String name, Tensor value);
}
