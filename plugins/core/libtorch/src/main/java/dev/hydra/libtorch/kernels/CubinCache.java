package dev.hydra.libtorch.kernels;

import dev.hydra.libtorch.io.Sha256;
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
import java.util.function.Supplier;
import java.util.stream.Collectors;

/**
 * Keeps compiled kernels on disk, by what they were compiled from. Several processes may share the
 * folder: files are written to the side and renamed. A file begins with the SHA-256 of what
 * follows; one that is damaged is made again.
 *
 * @param folder where they are; made when needed
 */
record CubinCache(Path folder) {
  private static final System.Logger LOG = System.getLogger(CubinCache.class.getName());
  private static final int HASH_BYTES = 32;

  /**
   * Returns the cache in the folder that {@code hydra.kernels.cache} names, or the user's cache
   * folder.
   */
  static CubinCache ofUser() {
    String named = System.getProperty("hydra.kernels.cache", "");
    if (!named.isEmpty()) {
      return new CubinCache(Path.of(named));
    }
    String base = Optional.ofNullable(System.getenv("XDG_CACHE_HOME")).orElse("");
    Path caches =
        base.isEmpty() ? Path.of(System.getProperty("user.home"), ".cache") : Path.of(base);
    return new CubinCache(caches.resolve("hydra/kernels"));
  }

  /**
   * Returns the machine code of a program, compiled if it is not there. That it cannot be kept does
   * not keep it from being used.
   *
   * @param key what {@link #key} made of all that decides about the result
   */
  byte[] get(String key, Supplier<byte[]> compiler) {
    Path file = folder.resolve(key + ".cubin");
    Optional<byte[]> known = read(file);
    if (known.isPresent()) {
      return known.get();
    }
    byte[] cubin = compiler.get();
    write(file, cubin);
    return cubin;
  }

  /** Hashes what decides about the machine code: source, options, chip, compiler. */
  static String key(List<String> parts) {
    String marked =
        parts.stream()
            .map(part -> part.getBytes(StandardCharsets.UTF_8).length + ":" + part)
            .collect(Collectors.joining());
    return Sha256.of(marked.getBytes(StandardCharsets.UTF_8));
  }

  private static Optional<byte[]> read(Path file) {
    byte[] content;
    try {
      content = Files.readAllBytes(file);
    } catch (NoSuchFileException e) {
      return Optional.empty();
    } catch (IOException e) {
      LOG.log(System.Logger.Level.WARNING, "a compiled kernel cannot be read: " + e);
      return Optional.empty();
    }
    if (content.length <= HASH_BYTES) {
      return Optional.empty();
    }
    byte[] cubin = Arrays.copyOfRange(content, HASH_BYTES, content.length);
    byte[] hash = Arrays.copyOf(content, HASH_BYTES);
    return Arrays.equals(hash, hash(cubin)) ? Optional.of(cubin) : Optional.empty();
  }

  private void write(Path file, byte[] cubin) {
    try {
      Files.createDirectories(folder);
      Path side = Files.createTempFile(folder, ".writing-", "");
      try {
        Files.write(side, hash(cubin));
        Files.write(side, cubin, StandardOpenOption.APPEND);
        Files.move(side, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
      } finally {
        Files.deleteIfExists(side);
      }
    } catch (IOException e) {
      LOG.log(
          System.Logger.Level.WARNING,
          "compiled kernels cannot be kept in "
              + folder
              + " ("
              + e
              + "), so every process compiles them anew; name another folder with"
              + " -Dhydra.kernels.cache");
    }
  }

  private static byte[] hash(byte[] cubin) {
    return HexFormat.of().parseHex(Sha256.of(cubin));
  }
}
