package dev.hydra.libtorch.io;

import java.io.IOException;

/** A text that is not one JSON value. The message goes on after "is", and says where it stops. */
public final class NotJsonException extends IOException {
  private static final long serialVersionUID = 1;

  /** Creates the exception with a message for users. */
  NotJsonException(String message) {
    super(message);
  }

  /** Creates the exception with a message for users, and what it follows from. */
  NotJsonException(String message, Throwable cause) {
    super(message, cause);
  }
}
