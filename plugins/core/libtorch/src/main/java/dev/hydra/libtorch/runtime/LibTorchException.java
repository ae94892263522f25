package dev.hydra.libtorch.runtime;

import java.util.List;
import org.jspecify.annotations.Nullable;

/** Says that LibTorch refused or failed. The message is for users: it has no native stack trace. */
public final class LibTorchException extends RuntimeException {
  private static final long serialVersionUID = 1;

  /**
   * The texts that LibTorch puts between an error's text and the native stack trace, one or the
   * other.
   */
  private static final List<String> TRACES = List.of("Exception raised from ", "frame #0: ");

  /** Creates the exception with a message for users and the cause. */
  public LibTorchException(String message, Throwable cause) {
    super(message, cause);
  }

  /** Returns the readable form of what a LibTorch call threw, which is kept as the cause. */
  public static LibTorchException of(RuntimeException thrown) {
    return new LibTorchException(readable(thrown), thrown);
  }

  /** Says whether a text has a native stack trace. */
  public static boolean hasNativeTrace(String text) {
    return TRACES.stream().anyMatch(text::contains);
  }

  /** Returns the part of an exception's message that is for users, on its own. */
  public static String readable(Throwable thrown) {
    @Nullable String message = thrown.getMessage();
    if (message == null || message.isBlank()) {
      return thrown.getClass().getSimpleName();
    }
    int end = message.length();
    for (String trace : TRACES) {
      int begin = message.indexOf(trace);
      end = begin < 0 ? end : Math.min(end, begin);
    }
    return message.substring(0, end).strip();
  }
}
