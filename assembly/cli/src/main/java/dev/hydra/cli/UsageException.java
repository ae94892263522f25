package dev.hydra.cli;

/** A command was used wrongly; its message says how to do it right. */
final class UsageException extends RuntimeException {
  private static final long serialVersionUID = 1;

  UsageException(String message) {
    super(message);
  }
}
