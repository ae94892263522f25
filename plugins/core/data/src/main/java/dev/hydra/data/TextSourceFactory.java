package dev.hydra.data;

import dev.hydra.api.HydraPlugin;
import dev.hydra.api.Option;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;

/** Creates sources that read text files, plain or gzip, told apart by content. */
@HydraPlugin("text")
public final class TextSourceFactory implements SourceFactory {
  private static final Option<List<String>> FILES =
      Option.texts("files", "text files, plain or gzip, read one after the other")
          .where(files -> !files.isEmpty(), "at least one file");

  /** Creates the factory, for the registry. */
  public TextSourceFactory() {}

  @Override
  public List<Option<?>> options() {
    return List.of(FILES);
  }

  @Override
  public Source create(SourceContext from) {
    List<String> files = from.settings().get(FILES);
    return sink ->
        CorpusException.blamed(from.settings(), FILES, () -> read(files, from.roots(), sink));
  }

  /** Reads the files in order and returns the number of bytes. */
  private static long read(List<String> files, List<Path> roots, Consumer<byte[]> sink) {
    List<Path> paths = files.stream().map(name -> TextFile.find(name, roots)).toList();
    long size = 0;
    for (Path path : paths) {
      try {
        byte[] text = TextFile.read(path);
        size += text.length;
        sink.accept(text);
      } catch (OutOfMemoryError e) {
        throw TextFile.tooLarge(path, e);
      }
    }
    if (size == 0) {
      throw new CorpusException("the corpus is empty: no text in " + paths);
    }
    return size;
  }
}
