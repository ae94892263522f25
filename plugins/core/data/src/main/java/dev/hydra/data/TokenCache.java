package dev.hydra.data;

import com.fasterxml.jackson.jr.ob.JSON;
import dev.hydra.libtorch.io.DurableFiles;
import dev.hydra.libtorch.io.JsonText;
import dev.hydra.libtorch.io.NotJsonException;
import dev.hydra.libtorch.io.Sha256;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;

/**
 * Texts that were made tokens once, in a folder of the user: by what the files hold, how they are
 * read and the tokenizer. A folder is filled by one process at a time, and what a process that was
 * killed had finished is used.
 */
final class TokenCache {
  private static final System.Logger LOG = System.getLogger(TokenCache.class.getName());
  private static final String COMPLETE = "complete.json";

  /** What the files of a folder are; folders of another layout are not looked at. */
  private static final String LAYOUT = "tokens and ends of documents";

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
          FileLock lock = lock(channel, own)) {
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

  private static FileLock lock(FileChannel channel, Path own) throws IOException {
    FileLock lock = channel.tryLock();
    if (lock != null) {
      return lock;
    }
    LOG.log(
        System.Logger.Level.WARNING,
        "another process makes tokens of the same text in " + own + "; this one waits for it");
    return channel.lock();
  }

  private static TokenSequence write(
      Path own, ShardFormat format, Source source, Tokenizer tokenizer, LongConsumer progress)
      throws IOException {
    List<ShardFiles.Sizes> shards = new ShardWriter(own, format, tokenizer, progress).write(source);
    if (shards.stream().allMatch(each -> each.tokens() == 0)) {
      throw new CorpusException("the corpus is empty: the source gives no text");
    }
    String fingerprint = new TokenShards(format, own, shards, Optional.empty()).fingerprint();
    Map<String, Object> complete = new LinkedHashMap<>();
    complete.put("fingerprint", fingerprint);
    complete.put("shards", shards.stream().map(ShardFiles.Sizes::tokens).toList());
    complete.put("documents", shards.stream().map(ShardFiles.Sizes::documents).toList());
    DurableFiles.write(own.resolve(COMPLETE), JSON.std.asString(complete) + "\n");
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
      complete = JsonText.object(own.resolve(COMPLETE));
    } catch (NotJsonException damaged) {
      return Optional.empty();
    }
    List<Long> tokens = numbers(complete.get("shards"));
    List<Long> documents = numbers(complete.get("documents"));
    if (tokens.isEmpty() || tokens.size() != documents.size()) {
      return Optional.empty();
    }
    List<ShardFiles.Sizes> sizes = new ArrayList<>();
    for (int i = 0; i < tokens.size(); i++) {
      ShardFiles.Sizes each = new ShardFiles.Sizes(tokens.get(i), documents.get(i));
      ShardFiles files = ShardFiles.of(own, i);
      if (!files.hold(each, format)) {
        files.delete();
        return Optional.empty(); // what is left is used by the writer
      }
      sizes.add(each);
    }
    Optional<String> fingerprint =
        complete.get("fingerprint") instanceof String text ? Optional.of(text) : Optional.empty();
    return Optional.of(new TokenShards(format, own, sizes, fingerprint));
  }

  /** Returns the numbers of a list; -1, which nothing has, for what is not a number. */
  private static List<Long> numbers(@Nullable Object list) {
    List<Long> numbers = new ArrayList<>();
    for (Object each : list instanceof List<?> values ? values : List.of()) {
      numbers.add(each instanceof Number number ? number.longValue() : -1L);
    }
    return numbers;
  }

  private String key(SourceFiles files, Tokenizer tokenizer) throws IOException {
    StringBuilder all = new StringBuilder();
    all.append(LAYOUT).append('\n');
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
