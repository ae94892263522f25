package dev.hydra.data;

/** A corpus that cannot be read or is too short. Its message names the file and the remedy. */
public final class CorpusException extends RuntimeException {
  private static final long serialVersionUID = 1;

  CorpusException(String message) {
    super(message);
  }

  CorpusException(String message, Throwable cause) {
    super(message, cause);
  }
}
