package dev.hydra.api;

import org.bytedeco.pytorch.Tensor;
import org.osgi.annotation.versioning.ConsumerType;

/**
 * Decides which experts handle which token. The number of experts is its {@link Site#outputs()}.
 * The contract of {@link Layer} holds: a decision for token {@code t} depends on tokens {@code
 * 0..t} only.
 */
@ConsumerType
public interface Router {
  /**
   * Routes every token. Balancing losses go to {@link Pass#auxiliaryLoss}.
   *
   * @param x hidden states [batch, time, width]
   * @param pass the forward pass that this call is part of
   * @return the experts of each token and their weights
   */
  Routing route(Tensor x, Pass pass);

  /**
   * Returns the number of experts per token, the {@code k} of {@link Routing}: always the same, so
   * that a layer can state its {@link Cost} before it has seen a token.
   */
  int topK();

  /**
   * Returns the {@code span} of each {@link Routing} of whole sequences, without documents, whose
   * length is a multiple of it, so that a layer can state what it keeps. 1 unless overridden: a
   * decision for each token.
   */
  default int span() {
    return 1;
  }
}
