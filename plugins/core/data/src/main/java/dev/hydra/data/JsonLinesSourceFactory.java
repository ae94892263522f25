package dev.hydra.data;

import dev.hydra.api.HydraPlugin;
import dev.hydra.api.Messages;
import dev.hydra.api.Option;
import dev.hydra.api.Settings;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Creates sources that read one field of JSON lines; every line is a document. */
@HydraPlugin("jsonl")
public final class JsonLinesSourceFactory implements SourceFactory {
  private static final System.Logger LOG = System.getLogger(JsonLinesSourceFactory.class.getName());

  private static final Option<List<String>> FILES =
      FileSource.option(
          "files of JSON objects, one a line, plain, gzip or zstd; folders and patterns too");
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
    Settings settings = from.settings();
    return new FileSource(
        from,
        FILES,
        "jsonl " + settings.get(FIELD) + " " + settings.get(ON_ERROR),
        (files, sink) -> new Reading(settings, sink).all(files));
  }

  /** One reading of all files. */
  private static final class Reading implements JsonLines.Lines {
    private final String[] field;
    private final boolean skips;
    private final TextSink sink;
    private long texts;
    private long skipped;
    private String first = "";

    Reading(Settings settings, TextSink sink) {
      this.field = settings.get(FIELD).split("\\.", -1);
      this.skips = settings.get(ON_ERROR) == OnError.SKIP;
      this.sink = sink;
    }

    void all(List<Path> files) {
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
