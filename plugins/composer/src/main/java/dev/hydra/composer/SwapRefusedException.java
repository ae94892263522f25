package dev.hydra.composer;

/** A swap cannot be made. The message says why, for users; it refers to nothing of the plugin. */
final class SwapRefusedException extends RuntimeException {
  private static final long serialVersionUID = 1;

  SwapRefusedException(String reason) {
    super(reason);
  }
}
