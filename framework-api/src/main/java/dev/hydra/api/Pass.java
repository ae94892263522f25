package dev.hydra.api;

import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.osgi.annotation.versioning.ProviderType;

/** One forward pass, as the component at one site sees it. */
@ProviderType
public interface Pass {
  /** Whether this is a training step: then auxiliary losses are wanted. */
  boolean training();

  /** The state to start from and to leave the new state in; empty for whole sequences. */
  Optional<StateCache> cache();

  /**
   * For packed sequences: int64 [batch, time], the number of the document that each token belongs
   * to, never falling along time. A token sees its own document only. Never set together with a
   * cache. Empty if every row is one document.
   */
  Optional<Tensor> documents();

  /**
   * Adds a loss to the training objective.
   *
   * @param name what it is, for metrics, such as {@code balance}
   * @param loss a scalar with gradient, already multiplied by its coefficient
   */
  void auxiliaryLoss(String name, Tensor loss);

  /** Whether somebody looks at observations; if not, do not compute them. */
  boolean observing();

  /**
   * Reports an inner quantity (expert load, gate values) under a name; it is detached and copied.
   */
  void observe(String name, Tensor value);
}
