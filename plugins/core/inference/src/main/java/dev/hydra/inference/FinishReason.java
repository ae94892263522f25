package dev.hydra.inference;

/** Why a session has ended. */
public enum FinishReason {
  /** A token that ends texts was drawn, or the listener had seen enough. */
  STOP,
  /** As many tokens were drawn as were asked for. */
  LENGTH,
  /** It was cancelled. */
  CANCELLED
}
