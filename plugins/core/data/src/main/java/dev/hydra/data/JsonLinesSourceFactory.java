package dev.hydra.data;

import dev.hydra.api.HydraPlugin;
import dev.hydra.api.Messages;
import dev.hydra.api.Option;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Creates sources that read one field of JSON lines; every line is a document. */
@HydraPlugin("jsonl")
public final class JsonLinesSourceFactory implements SourceFactory {
  private static final System.Logger LOG = System.getLogger(JsonLinesSourceFactory.class.getName());

  private static final Option<List<String>> FILES =
      Option.texts(
              "files",
              "files of JSON objects, one a line, plain, gzip or zstd; folders and patterns too")
          .where(files -> !files.isEmpty(), "at least one file");
  private static final Option<String> FIELD =
      Option.text("field", "the field of each object that is the text; a dot leads inside")
          .orElse("text");

  /** What becomes of a line without a text. */
  enum OnError {
    /** The first one ends the reading. */
    FAIL,
    /** They are counted and left out. */
    SKIP
  }

  private static final Option<OnError> ON_ERROR =
      Option.choice("on-error", OnError.class, "what becomes of a line without a text")
          .orElse(OnError.FAIL);

  /** Creates the factory, for the registry. */
  public JsonLinesSourceFactory() {}

  @Override
  public List<Option<?>> options() {
    return List.of(FILES, FIELD, ON_ERROR);
  }

  @Override
  public Source create(SourceContext from) {
    return new Source() {
      @Override
      public void read(TextSink sink) {
        long unused =
            CorpusException.blamed(
                from.settings(), FILES, () -> new Reading(from, sink).all(from.roots()));
      }

      @Override
      public Optional<SourceFiles> files() {
        return Optional.of(
            new SourceFiles(
                CorpusException.blamed(
                    from.settings(),
                    FILES,
                    () -> FileNames.find(from.settings().get(FILES), from.roots())),
                "jsonl " + from.settings().get(FIELD) + " " + from.settings().get(ON_ERROR)));
      }
    };
  }

  /** One reading of all files. */
  private static final class Reading implements JsonLines.Lines {
    private final List<String> names;
    private final String[] field;
    private final boolean skips;
    private final TextSink sink;
    private long texts;
    private long skipped;
    private String first = "";

    Reading(SourceContext from, TextSink sink) {
      this.names = from.settings().get(FILES);
      this.field = from.settings().get(FIELD).split("\\.", -1);
      this.skips = from.settings().get(ON_ERROR) == OnError.SKIP;
      this.sink = sink;
    }

    long all(List<Path> roots) {
      List<Path> files = FileNames.find(names, roots);
      files.forEach(file -> JsonLines.read(file, this));
      if (texts == 0) {
        throw new CorpusException(
            "the corpus is empty: no text in " + files + (first.isEmpty() ? "" : "; " + first));
      }
      if (skipped > 0) {
        LOG.log(
            System.Logger.Level.WARNING,
            Messages.count(skipped, "line") + " without a text left out, the first: " + first);
      }
      return texts;
    }

    @Override
    public void object(Map<String, Object> object, String where) {
      @Nullable Object value = object;
      for (String name : field) {
        value = value instanceof Map<?, ?> map ? map.get(name) : null;
      }
      if (value instanceof String text) {
        texts++;
        sink.accept(text.getBytes(StandardCharsets.UTF_8));
        sink.endOfDocument();
        return;
      }
      String name = String.join(".", field);
      wrong(
          where
              + ": "
              + (value == null
                  ? "has no field \"" + name + "\" among " + object.keySet()
                  : "its field \"" + name + "\" is not a text"));
    }

    @Override
    public void wrong(String problem) {
      if (!skips) {
        throw new CorpusException(problem + "; on-error = skip leaves such lines out");
      }
      if (skipped++ == 0) {
        first = problem;
      }
    }
  }
}
