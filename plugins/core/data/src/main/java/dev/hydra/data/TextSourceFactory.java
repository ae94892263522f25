package dev.hydra.data;

import dev.hydra.api.HydraPlugin;
import dev.hydra.api.Option;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;

/** Creates sources that read text files, plain, gzip or zstd, told apart by content. */
@HydraPlugin("text")
public final class TextSourceFactory implements SourceFactory {
  private static final Option<List<String>> FILES =
      FileSource.option(
          "text files, plain, gzip or zstd, folders of them and patterns, read one after the"
              + " other");

  /** How bytes are taken for text. */
  enum Encoding {
    /** What is not UTF-8 is refused. */
    UTF_8,
    /** Bytes are taken as they are. */
    ANY
  }

  private static final Option<Encoding> ENCODING =
      Option.choice("encoding", Encoding.class, "whether what is not UTF-8 is refused")
          .orElse(Encoding.UTF_8);

  private static final Option<Optional<String>> SEPARATOR =
      Option.text("document-separator", "text that stands between the documents of a file")
          .where(separator -> !separator.isEmpty(), "a character at least")
          .optional("a file is a document");

  /** Creates the factory, for the registry. */
  public TextSourceFactory() {}

  @Override
  public List<Option<?>> options() {
    return List.of(FILES, ENCODING, SEPARATOR);
  }

  @Override
  public Source create(SourceContext from) {
    Encoding encoding = from.settings().get(ENCODING);
    Optional<String> separator = from.settings().get(SEPARATOR);
    return new FileSource(
        from,
        FILES,
        "text " + encoding + separator.map(each -> " " + each).orElse(""),
        (files, sink) ->
            read(
                files,
                encoding == Encoding.UTF_8,
                separator.<TextSink>map(each -> new SeparatedText(each, sink)).orElse(sink)));
  }

  private static void read(List<Path> paths, boolean checked, TextSink sink) {
    long[] size = {0};
    for (Path path : paths) {
      Consumer<byte[]> counting =
          piece -> {
            size[0] += piece.length;
            sink.accept(piece);
          };
      if (checked) {
        TextReader.read(path, counting);
      } else {
        TextReader.bytes(path, counting);
      }
      sink.endOfDocument();
    }
    if (size[0] == 0) {
      throw new CorpusException("the corpus is empty: no text in " + paths);
    }
  }
}
