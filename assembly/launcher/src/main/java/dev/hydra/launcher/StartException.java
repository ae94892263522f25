package dev.hydra.launcher;

/** Says that the host cannot start; the message is for the user. */
final class StartException extends RuntimeException {
  private static final long serialVersionUID = 1;

  /** Creates the exception with a message for users. */
  StartException(String message) {
    super(message);
  }

  /** Creates the exception with a message for users and the cause. */
  StartException(String message, Throwable cause) {
    super(message, cause);
  }
}
