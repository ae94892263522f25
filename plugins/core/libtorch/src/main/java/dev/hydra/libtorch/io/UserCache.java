package dev.hydra.libtorch.io;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * Keeps on disk what took time to find out, for later runs. Several processes may share the folder:
 * files are written to the side and renamed. A file begins with the SHA-256 of what follows; one
 * that is damaged counts as missing.
 *
 * @param folder where they are; made when needed
 */
public record UserCache(Path folder) {
  private static final System.Logger LOG = System.getLogger(UserCache.class.getName());
  private static final int HASH_BYTES = 32;

  /**
   * Returns the cache of kernels: the folder that {@code hydra.kernels.cache} names, or one in the
   * user's cache folder.
   */
  public static UserCache ofKernels() {
    String named = System.getProperty("hydra.kernels.cache", "");
    if (!named.isEmpty()) {
      return new UserCache(Path.of(named));
    }
    String base = Optional.ofNullable(System.getenv("XDG_CACHE_HOME")).orElse("");
    Path caches =
        base.isEmpty() ? Path.of(System.getProperty("user.home"), ".cache") : Path.of(base);
    return new UserCache(caches.resolve("hydra/kernels"));
  }

  /** Hashes all that decides about what is kept, to name its file: 64 hexadecimal digits. */
  public static String key(List<String> parts) {
    String marked =
        parts.stream()
            .map(part -> part.getBytes(StandardCharsets.UTF_8).length + ":" + part)
            .collect(Collectors.joining());
    return Sha256.of(marked.getBytes(StandardCharsets.UTF_8));
  }

  /** Reads what is kept under a name; nothing if it is not there, not readable or damaged. */
  public Optional<byte[]> read(String name) {
    byte[] content;
    try {
      content = Files.readAllBytes(folder.resolve(name));
    } catch (NoSuchFileException e) {
      return Optional.empty();
    } catch (IOException e) {
      LOG.log(System.Logger.Level.WARNING, "what was kept for later runs cannot be read: " + e);
      return Optional.empty();
    }
    if (content.length <= HASH_BYTES) {
      return Optional.empty();
    }
    byte[] value = Arrays.copyOfRange(content, HASH_BYTES, content.length);
    byte[] hash = Arrays.copyOf(content, HASH_BYTES);
    return Arrays.equals(hash, hash(value)) ? Optional.of(value) : Optional.empty();
  }

  /** Keeps something under a name. That it cannot be kept is said, and does no harm. */
  public void write(String name, byte[] value) {
    try {
      Files.createDirectories(folder);
      Path side = Files.createTempFile(folder, ".writing-", "");
      try {
        Files.write(side, hash(value));
        Files.write(side, value, StandardOpenOption.APPEND);
        Files.move(
            side,
            folder.resolve(name),
            StandardCopyOption.ATOMIC_MOVE,
            StandardCopyOption.REPLACE_EXISTING);
      } finally {
        Files.deleteIfExists(side);
      }
    } catch (IOException e) {
      LOG.log(
          System.Logger.Level.WARNING,
          "compiled kernels and tuned products cannot be kept in "
              + folder
              + " ("
              + e
              + "), so every process makes them anew; name another folder with"
              + " -Dhydra.kernels.cache");
    }
  }

  private static byte[] hash(byte[] value) {
    return HexFormat.of().parseHex(Sha256.of(value));
  }
}
