package dev.hydra.data;

import dev.hydra.api.Messages;
import dev.hydra.api.Option;
import java.nio.file.Path;
import java.util.List;

/** One reading of files of records, some of which may not be what is asked for. */
abstract class RecordsReading {
  private static final System.Logger LOG = System.getLogger(RecordsReading.class.getName());

  /** What becomes of a record that is not what is asked for. */
  enum OnError {
    /** The first one ends the reading. */
    FAIL,
    /** They are counted and left out. */
    SKIP
  }

  private final String record;
  private final boolean skips;
  private long taken;
  private long skipped;
  private String first = "";

  /**
   * Creates a reading.
   *
   * @param record what a record is called, such as line
   */
  RecordsReading(String record, OnError onError) {
    this.record = record;
    this.skips = onError == OnError.SKIP;
  }

  /** Declares the option. */
  static Option<OnError> onError(String meaning) {
    return Option.choice("on-error", OnError.class, meaning).orElse(OnError.FAIL);
  }

  /**
   * Reads all files.
   *
   * @param nothing what is said of files without a record that is taken
   * @param unfit what records are that are left out
   * @throws CorpusException if no record is taken
   */
  final void all(List<Path> files, String nothing, String unfit) {
    files.forEach(this::read);
    if (taken == 0) {
      throw new CorpusException(nothing + " in " + files + (first.isEmpty() ? "" : "; " + first));
    }
    if (skipped > 0) {
      LOG.log(
          System.Logger.Level.WARNING,
          Messages.count(skipped, record) + " " + unfit + " left out, the first: " + first);
    }
  }

  /**
   * Reads a file.
   *
   * @throws CorpusException if it cannot be read to its end, or is of another format
   */
  abstract void read(Path file);

  /** Counts a record that is what is asked for. */
  final void taken() {
    taken++;
  }

  /** Takes what is wrong with a record, which says where it is. */
  public final void wrong(String problem) {
    if (!skips) {
      throw new CorpusException(problem + "; on-error = skip leaves such " + record + "s out");
    }
    if (skipped++ == 0) {
      first = problem;
    }
  }
}
