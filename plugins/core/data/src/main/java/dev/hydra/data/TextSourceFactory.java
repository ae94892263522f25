package dev.hydra.data;

import dev.hydra.api.HydraPlugin;
import dev.hydra.api.Option;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/** Creates sources that read text files, plain, gzip or zstd, told apart by content. */
@HydraPlugin("text")
public final class TextSourceFactory implements SourceFactory {
  private static final Option<List<String>> FILES =
      Option.texts(
              "files",
              "text files, plain, gzip or zstd, folders of them and patterns, read one after the"
                  + " other")
          .where(files -> !files.isEmpty(), "at least one file");

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

  /** Creates the factory, for the registry. */
  public TextSourceFactory() {}

  @Override
  public List<Option<?>> options() {
    return List.of(FILES, ENCODING);
  }

  @Override
  public Source create(SourceContext from) {
    boolean checked = from.settings().get(ENCODING) == Encoding.UTF_8;
    return new Source() {
      @Override
      public void read(TextSink sink) {
        long unused =
            CorpusException.blamed(
                from.settings(), FILES, () -> TextSourceFactory.read(from, checked, sink));
      }

      @Override
      public Optional<SourceFiles> files() {
        return Optional.of(
            new SourceFiles(
                CorpusException.blamed(
                    from.settings(),
                    FILES,
                    () -> FileNames.find(from.settings().get(FILES), from.roots())),
                "text " + from.settings().get(ENCODING)));
      }
    };
  }

  /** Reads the files in order and returns the number of bytes. */
  private static long read(SourceContext from, boolean checked, TextSink sink) {
    List<Path> paths = FileNames.find(from.settings().get(FILES), from.roots());
    long[] size = {0};
    for (Path path : paths) {
      TextSink counting =
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
    return size[0];
  }
}
