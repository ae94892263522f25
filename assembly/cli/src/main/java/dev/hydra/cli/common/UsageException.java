package dev.hydra.cli.common;

/** A command was used wrongly; its message says how to do it right. */
public final class UsageException extends RuntimeException {
  private static final long serialVersionUID = 1;

  public UsageException(String message) {
    super(message);
  }
}
