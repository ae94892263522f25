package dev.hydra.data;

import dev.hydra.api.HydraPlugin;
import dev.hydra.api.Option;
import dev.hydra.api.Settings;
import dev.hydra.data.parquet.Column;
import dev.hydra.data.parquet.ParquetException;
import dev.hydra.data.parquet.ParquetTable;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Creates sources that read one column of Parquet tables; every row is a document. */
@HydraPlugin("parquet")
public final class ParquetSourceFactory implements SourceFactory {
  private static final Option<List<String>> FILES =
      FileSource.option("Parquet tables, folders of them and patterns");
  private static final Option<String> FIELD =
      Option.text("field", "the column that is the text; a dot leads into a struct").orElse("text");
  private static final Option<RecordsReading.OnError> ON_ERROR =
      RecordsReading.onError("what becomes of a row without a text");

  /** Creates the factory, for the registry. */
  public ParquetSourceFactory() {}

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
        "parquet " + settings.get(FIELD) + " " + settings.get(ON_ERROR),
        (files, sink) ->
            new Reading(settings, sink)
                .all(files, "the corpus is empty: no text", "without a text"));
  }

  /** One reading of all files. */
  private static final class Reading extends RecordsReading {
    private final String field;
    private final TextSink sink;

    Reading(Settings settings, TextSink sink) {
      super("row", settings.get(ON_ERROR));
      this.field = settings.get(FIELD);
      this.sink = sink;
    }

    @Override
    void read(Path file) {
      refuseOthers(file);
      try (ParquetTable table = ParquetTable.open(file)) {
        table.read(column(table, file), (number, text) -> row(file, number, text));
      } catch (ParquetException e) {
        throw new CorpusException(file + " " + e.getMessage(), e);
      } catch (IOException e) {
        throw TextReader.damaged(file, e);
      }
    }

    private void row(Path file, long number, byte @Nullable [] text) {
      String where = file + ": row " + number;
      if (text == null) {
        wrong(where + ": has no text in \"" + field + "\"");
        return;
      }
      try {
        new Utf8(where + ": \"" + field + "\"", "").add(text);
      } catch (CorpusException e) {
        wrong(String.valueOf(e.getMessage()));
        return;
      }
      taken();
      sink.accept(text);
      sink.endOfDocument();
    }

    private Column column(ParquetTable table, Path file) {
      Optional<Column> found =
          table.columns().stream().filter(each -> each.name().equals(field)).findFirst();
      if (found.isEmpty()) {
        String known =
            table.columns().stream()
                .map(each -> each.name() + " (" + each.kind() + ")")
                .collect(Collectors.joining(", "));
        throw new CorpusException(
            file + " has no column \"" + field + "\", but " + known + "; name one: field = NAME");
      }
      if (!found.get().isText()) {
        throw new CorpusException(
            file
                + ": the column \""
                + field
                + "\" is "
                + found.get().kind()
                + ", not text; columns of text: "
                + table.columns().stream()
                    .filter(Column::isText)
                    .map(Column::name)
                    .collect(Collectors.joining(", ")));
      }
      return found.get();
    }
  }

  private static void refuseOthers(Path file) {
    byte[] start = TextReader.start(file);
    if (!ParquetTable.isTable(start)) {
      throw new CorpusException(
          file
              + " is not a Parquet table; "
              + (Format.of(start).isPresent()
                  ? "if one is packed in it, unpack it"
                  : FileKind.notText(start)
                      .map(problem -> "it " + problem)
                      .orElse("text is read by source = text, lines of JSON by source = jsonl")));
    }
  }
}
