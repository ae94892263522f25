package dev.hydra.inference;

/** An engine has as many sessions waiting as it may have: ask again later. */
public final class EngineBusyException extends RuntimeException {
  private static final long serialVersionUID = 1;

  EngineBusyException(int waiting) {
    super("the engine is busy: " + waiting + " requests are waiting; try again later");
  }
}
