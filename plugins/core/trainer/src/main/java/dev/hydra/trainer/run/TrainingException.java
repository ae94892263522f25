package dev.hydra.trainer.run;

/** Says that training cannot go on. The message is for users. */
public final class TrainingException extends RuntimeException {
  private static final long serialVersionUID = 1;

  /** Creates the exception with a message for users. */
  TrainingException(String message) {
    super(message);
  }
}
