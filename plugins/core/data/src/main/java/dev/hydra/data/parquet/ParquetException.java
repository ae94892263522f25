package dev.hydra.data.parquet;

import java.io.IOException;

/** A table that cannot be read. The message goes on after the name of the file. */
public final class ParquetException extends IOException {
  private static final long serialVersionUID = 1;

  private ParquetException(String message, Throwable cause) {
    super(message, cause);
  }

  /** Creates the exception of a table that has to be read in another way. */
  ParquetException(String message) {
    super(message);
  }

  /** Creates the exception of a table that is not as it was written. */
  static ParquetException damaged(String problem) {
    return new ParquetException(damage(problem));
  }

  /** Creates the exception of a table on which decoding fails. */
  static ParquetException damaged(Throwable cause) {
    if (cause instanceof ParquetException known) {
      return known;
    }
    return cause.getCause() instanceof ParquetException known
        ? known
        : new ParquetException(damage(String.valueOf(cause.getMessage())), cause);
  }

  private static String damage(String problem) {
    return "is a damaged Parquet table (" + problem + "); get or make it again";
  }
}
