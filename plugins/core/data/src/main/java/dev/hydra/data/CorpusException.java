package dev.hydra.data;

import dev.hydra.api.ConfigException;
import dev.hydra.api.Option;
import dev.hydra.api.Settings;
import java.util.function.Supplier;

/** A corpus that cannot be read or is too short. Its message names the file and the remedy. */
public final class CorpusException extends RuntimeException {
  private static final long serialVersionUID = 1;

  /** Creates the exception with a message for users. */
  CorpusException(String message) {
    super(message);
  }

  /** Creates the exception with a message for users and the cause. */
  CorpusException(String message, Throwable cause) {
    super(message, cause);
  }

  /**
   * Blames an option of the configuration for what goes wrong in an action.
   *
   * @throws ConfigException in place of a {@link CorpusException}
   */
  static <T> T blamed(Settings settings, Option<?> option, Supplier<T> action) {
    try {
      return action.get();
    } catch (CorpusException e) {
      ConfigException blamed = settings.invalid(option, String.valueOf(e.getMessage()));
      blamed.initCause(e);
      throw blamed;
    }
  }
}
