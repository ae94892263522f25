package dev.hydra.composer.swap;

/** Refuses a swap. The message says why, for users; it refers to nothing of the plugin. */
public final class SwapRefusedException extends RuntimeException {
  private static final long serialVersionUID = 1;

  /** Creates the exception with the reason, for users. */
  public SwapRefusedException(String reason) {
    super(reason);
  }
}
