package dev.hydra.data;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigValueFactory;
import dev.hydra.api.Settings;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.zip.GZIPOutputStream;

/** Generated text for tests. */
final class Texts {
  private Texts() {}

  /** So many ASCII bytes that look like words. */
  static byte[] words(int size, long seed) {
    Random random = new Random(seed);
    StringBuilder text = new StringBuilder();
    while (text.length() < size) {
      random
          .ints(2 + random.nextInt(8), 'a', 'z' + 1)
          .forEach(letter -> text.append((char) letter));
      text.append(random.nextInt(10) == 0 ? '\n' : ' ');
    }
    return text.substring(0, size).getBytes(StandardCharsets.US_ASCII);
  }

  static byte[] gzip(byte[] text) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (GZIPOutputStream gzip = new GZIPOutputStream(out)) {
      gzip.write(text);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return out.toByteArray();
  }

  /** A corpus of files. */
  static Corpus corpus(List<String> files, List<Path> roots, Tokenizer tokenizer) {
    SourceFactory factory = new TextSourceFactory();
    Config config =
        ConfigFactory.empty().withValue("files", ConfigValueFactory.fromIterable(files, "files"));
    Settings settings = Settings.read("data", config, factory.options());
    return Corpus.read(factory.create(new SourceContext(settings, roots)), tokenizer);
  }

  /** A corpus of so many bytes. */
  static Corpus corpus(Path folder, int size) {
    try {
      Files.write(folder.resolve("words.txt"), words(size, size));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return corpus(List.of("words.txt"), List.of(folder), new ByteTokenizer());
  }
}
