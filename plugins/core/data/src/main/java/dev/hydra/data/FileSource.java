package dev.hydra.data;

import dev.hydra.api.Option;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.function.BiConsumer;
import java.util.function.Supplier;

/**
 * A text in the files that an option names, on which everything that goes wrong is blamed.
 *
 * @param option names of files, of folders, and patterns
 * @param reading how they are read, see {@link SourceFiles}
 * @param reader reads files in their order
 */
record FileSource(
    SourceContext from,
    Option<List<String>> option,
    String reading,
    BiConsumer<List<Path>, TextSink> reader)
    implements Source {
  /** Declares the option, which a factory has to have. */
  static Option<List<String>> option(String doc) {
    return Option.texts("files", doc).where(files -> !files.isEmpty(), "at least one file");
  }

  @Override
  public void read(TextSink sink) {
    List<Path> unused =
        blamed(
            () -> {
              List<Path> files = find();
              reader.accept(files, sink);
              return files;
            });
  }

  @Override
  public Optional<SourceFiles> files() {
    return Optional.of(new SourceFiles(blamed(this::find), reading));
  }

  private List<Path> find() {
    return FileNames.find(from.settings().get(option), from.roots());
  }

  private <T> T blamed(Supplier<T> action) {
    return CorpusException.blamed(from.settings(), option, action);
  }
}
