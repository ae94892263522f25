package dev.hydra.libtorch;

import org.jspecify.annotations.Nullable;

/** LibTorch refused or failed. The message is for users: it has no native stack trace. */
public final class LibTorchException extends RuntimeException {
  private static final long serialVersionUID = 1;

  /** What LibTorch puts between an error's text and the native stack trace. */
  private static final String TRACE = "Exception raised from ";

  LibTorchException(String message, Throwable cause) {
    super(message, cause);
  }

  /** The readable form of what a LibTorch call threw, which is kept as the cause. */
  public static LibTorchException of(RuntimeException thrown) {
    return new LibTorchException(readable(thrown), thrown);
  }

  /** The part of an exception's message that is for users, on its own. */
  public static String readable(Throwable thrown) {
    @Nullable String message = thrown.getMessage();
    if (message == null || message.isBlank()) {
      return thrown.getClass().getSimpleName();
    }
    int trace = message.indexOf(TRACE);
    return (trace < 0 ? message : message.substring(0, trace)).strip();
  }
}
