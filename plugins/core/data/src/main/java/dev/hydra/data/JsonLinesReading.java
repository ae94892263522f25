package dev.hydra.data;

import dev.hydra.api.Messages;
import dev.hydra.api.Option;
import java.nio.file.Path;
import java.util.List;

/** One reading of files of JSON lines, some of which may not be what is asked for. */
abstract class JsonLinesReading implements JsonLines.Lines {
  private static final System.Logger LOG = System.getLogger(JsonLinesReading.class.getName());

  /** What becomes of a line that is not what is asked for. */
  enum OnError {
    /** The first one ends the reading. */
    FAIL,
    /** They are counted and left out. */
    SKIP
  }

  private final boolean skips;
  private long taken;
  private long skipped;
  private String first = "";

  JsonLinesReading(OnError onError) {
    skips = onError == OnError.SKIP;
  }

  /** Declares the option. */
  static Option<OnError> onError(String meaning) {
    return Option.choice("on-error", OnError.class, meaning).orElse(OnError.FAIL);
  }

  /**
   * Reads all files.
   *
   * @param nothing what is said of files without a line that is taken
   * @param unfit what lines are that are left out
   * @throws CorpusException if no line is taken
   */
  final void all(List<Path> files, String nothing, String unfit) {
    files.forEach(file -> JsonLines.read(file, this));
    if (taken == 0) {
      throw new CorpusException(nothing + " in " + files + (first.isEmpty() ? "" : "; " + first));
    }
    if (skipped > 0) {
      LOG.log(
          System.Logger.Level.WARNING,
          Messages.count(skipped, "line") + " " + unfit + " left out, the first: " + first);
    }
  }

  /** Counts a line that is what is asked for. */
  final void taken() {
    taken++;
  }

  @Override
  public final void wrong(String problem) {
    if (!skips) {
      throw new CorpusException(problem + "; on-error = skip leaves such lines out");
    }
    if (skipped++ == 0) {
      first = problem;
    }
  }
}
