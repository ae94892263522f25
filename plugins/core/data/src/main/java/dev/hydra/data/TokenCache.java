package dev.hydra.data;

import com.fasterxml.jackson.jr.ob.JSON;
import dev.hydra.libtorch.io.DurableFiles;
import dev.hydra.libtorch.io.Sha256;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.LongConsumer;
import java.util.stream.IntStream;

/**
 * Texts that were made tokens once, in a folder of the user: by what the files hold, how they are
 * read and the tokenizer. A folder is filled by one process at a time, and what a process that was
 * killed had finished is used.
 */
final class TokenCache {
  private static final String COMPLETE = "complete.json";

  private final Path folder;

  TokenCache(Path folder) {
    this.folder = folder;
  }

  /**
   * Returns the cache in the folder that {@code hydra.tokens.cache} names, or the user's cache
   * folder.
   */
  static TokenCache ofUser() {
    String named = System.getProperty("hydra.tokens.cache", "");
    if (!named.isEmpty()) {
      return new TokenCache(Path.of(named));
    }
    String base = Optional.ofNullable(System.getenv("XDG_CACHE_HOME")).orElse("");
    Path caches =
        base.isEmpty() ? Path.of(System.getProperty("user.home"), ".cache") : Path.of(base);
    return new TokenCache(caches.resolve("hydra/tokens"));
  }

  /**
   * Returns the tokens of a text, made if they are not there.
   *
   * @param progress told how many bytes of text have been read
   * @throws CorpusException if the folder cannot be written, or there is no text
   */
  TokenSequence get(Source source, SourceFiles files, Tokenizer tokenizer, LongConsumer progress) {
    ShardFormat format = ShardFormat.forVocabulary(tokenizer.vocabSize());
    try {
      Path own = folder.resolve(key(files, tokenizer));
      Optional<TokenSequence> known = read(own, format);
      if (known.isPresent()) {
        return known.get();
      }
      Files.createDirectories(own);
      try (FileChannel channel =
              FileChannel.open(
                  own.resolve("lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
          FileLock lock = channel.lock()) {
        Optional<TokenSequence> made = read(own, format); // by the process that had the lock
        return made.isPresent() ? made.get() : write(own, format, source, tokenizer, progress);
      }
    } catch (IOException e) {
      throw new CorpusException(
          "the tokens of the text cannot be kept in "
              + folder
              + " ("
              + e.getMessage()
              + "); make room, or name another folder with"
              + " HYDRA_JAVA_OPTS=-Dhydra.tokens.cache=DIR",
          e);
    }
  }

  private static TokenSequence write(
      Path own, ShardFormat format, Source source, Tokenizer tokenizer, LongConsumer progress)
      throws IOException {
    List<Long> counts = new ShardWriter(own, format, tokenizer, progress).write(source);
    long all = counts.stream().mapToLong(Long::longValue).sum();
    if (all == 0) {
      throw new CorpusException("the corpus is empty: the source gives no text");
    }
    List<Path> files = IntStream.range(0, counts.size()).mapToObj(i -> shard(own, i)).toList();
    String fingerprint = new TokenShards(format, files, counts, Optional.empty()).fingerprint();
    DurableFiles.write(
        own.resolve(COMPLETE),
        JSON.std.asString(Map.of("fingerprint", fingerprint, "shards", counts)) + "\n");
    return read(own, format)
        .orElseThrow(() -> new IOException(own + " is not what was written to it"));
  }

  /** Opens a folder whose shards are all there, as long as they should be. */
  private static Optional<TokenSequence> read(Path own, ShardFormat format) throws IOException {
    if (!Files.isRegularFile(own.resolve(COMPLETE))) {
      return Optional.empty();
    }
    Map<String, Object> complete;
    try {
      complete = JSON.std.mapFrom(Files.readString(own.resolve(COMPLETE)));
    } catch (com.fasterxml.jackson.core.JsonProcessingException damaged) {
      return Optional.empty();
    }
    Optional<String> fingerprint =
        complete.get("fingerprint") instanceof String text ? Optional.of(text) : Optional.empty();
    List<Path> files = new ArrayList<>();
    List<Long> counts = new ArrayList<>();
    for (Object each : complete.get("shards") instanceof List<?> list ? list : List.of()) {
      Path file = shard(own, files.size());
      long count = each instanceof Number number ? number.longValue() : -1;
      if (!Files.isRegularFile(file) || Files.size(file) != count * format.width()) {
        Files.deleteIfExists(file);
        return Optional.empty(); // what is left is used by the writer
      }
      files.add(file);
      counts.add(count);
    }
    return files.isEmpty()
        ? Optional.empty()
        : Optional.of(new TokenShards(format, files, counts, fingerprint));
  }

  static Path shard(Path own, int number) {
    return own.resolve(String.format(Locale.ROOT, "shard-%05d.bin", number));
  }

  private String key(SourceFiles files, Tokenizer tokenizer) throws IOException {
    StringBuilder all = new StringBuilder();
    all.append(tokenizer.identity()).append(' ').append(tokenizer.vocabSize()).append(' ');
    all.append(tokenizer.endOfText()).append('\n').append(files.reading()).append('\n');
    for (Path file : files.files()) {
      all.append(hash(file)).append('\n');
    }
    return Sha256.of(all.toString().getBytes(StandardCharsets.UTF_8));
  }

  /** Returns the hash of a file's content, read again only if the file has changed since. */
  private String hash(Path file) throws IOException {
    Path absolute = file.toRealPath();
    String state =
        Files.size(absolute)
            + " "
            + Files.getLastModifiedTime(absolute)
            + " "
            + Files.readAttributes(absolute, java.nio.file.attribute.BasicFileAttributes.class)
                .fileKey();
    String name = Sha256.of(absolute.toString().getBytes(StandardCharsets.UTF_8));
    Path note = folder.resolve("hashes").resolve(name);
    if (Files.isRegularFile(note)) {
      List<String> lines = Files.readAllLines(note);
      if (lines.size() == 2 && lines.get(0).equals(state)) {
        return lines.get(1);
      }
    }
    String hash = Sha256.of(absolute);
    Files.createDirectories(note.resolveSibling("."));
    Path side = Files.createTempFile(note.toAbsolutePath().getParent(), ".writing-", "");
    Files.writeString(side, state + "\n" + hash + "\n");
    Files.move(
        side,
        note,
        java.nio.file.StandardCopyOption.ATOMIC_MOVE,
        java.nio.file.StandardCopyOption.REPLACE_EXISTING);
    return hash;
  }
}
