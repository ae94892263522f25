package dev.hydra.data;

import dev.hydra.api.HydraPlugin;
import dev.hydra.api.Option;
import dev.hydra.api.Settings;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Creates sources that read one field of JSON lines; every line is a document. */
@HydraPlugin("jsonl")
public final class JsonLinesSourceFactory implements SourceFactory {
  private static final Option<List<String>> FILES =
      FileSource.option(
          "files of JSON objects, one a line, plain, gzip or zstd; folders and patterns too");
  private static final Option<String> FIELD =
      Option.text("field", "the field of each object that is the text; a dot leads inside")
          .orElse("text");

  private static final Option<RecordsReading.OnError> ON_ERROR =
      RecordsReading.onError("what becomes of a line without a text");

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
        (files, sink) ->
            new Reading(settings, sink)
                .all(files, "the corpus is empty: no text", "without a text"));
  }

  /** One reading of all files. */
  private static final class Reading extends JsonLinesReading {
    private final String[] field;
    private final TextSink sink;

    Reading(Settings settings, TextSink sink) {
      super(settings.get(ON_ERROR));
      this.field = settings.get(FIELD).split("\\.", -1);
      this.sink = sink;
    }

    @Override
    public void object(Map<String, Object> object, String where) {
      @Nullable Object value = object;
      for (String name : field) {
        value = value instanceof Map<?, ?> map ? map.get(name) : null;
      }
      if (value instanceof String text) {
        taken();
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
  }
}
