package dev.hydra.trainer.run;

import com.fasterxml.jackson.jr.ob.JSON;
import dev.hydra.libtorch.io.DurableFiles;
import dev.hydra.libtorch.io.JsonText;
import dev.hydra.libtorch.io.PieceChecksums;
import dev.hydra.libtorch.io.Sha256;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * The manifest of a checkpoint, {@code manifest.json}: the size, the SHA-256 and the CRC-32C of the
 * pieces of each file, by its name. Manifests of earlier versions have no pieces; files are then
 * checked by their SHA-256.
 */
final class Manifest {
  /** Its file. */
  static final String FILE = "manifest.json";

  private static final String BYTES = "bytes";
  private static final String SHA256 = "sha256";
  private static final String PIECES = "crc32c";

  private final Path folder;
  private final Map<String, Object> entries;

  private Manifest(Path folder, Map<String, Object> entries) {
    this.folder = folder;
    this.entries = entries;
  }

  /** Writes that of all files in a folder, which are on the disk then. */
  static void write(Path folder) throws IOException {
    Map<String, Object> entries = new TreeMap<>();
    List<Path> files;
    try (Stream<Path> all = Files.list(folder)) {
      files = all.sorted().toList();
    }
    for (Path file : files) {
      DurableFiles.sync(file);
      Map<String, Object> entry = new LinkedHashMap<>(); // the same bytes for the same files
      entry.put(BYTES, Files.size(file));
      entry.put(SHA256, Sha256.of(file));
      entry.put(PIECES, PieceChecksums.of(file, threads()).pieces());
      entries.put(file.getFileName().toString(), entry);
    }
    DurableFiles.write(folder.resolve(FILE), JSON.std.asString(entries) + "\n");
  }

  /**
   * Reads that of a folder.
   *
   * @throws IOException if there is none, or it is damaged
   */
  static Manifest of(Path folder) throws IOException {
    Path file = folder.resolve(FILE);
    if (!Files.isRegularFile(file)) {
      throw new IOException(folder + " is not a checkpoint: it has no " + FILE);
    }
    Manifest manifest;
    try {
      manifest = new Manifest(folder, JsonText.object(file));
    } catch (IOException e) {
      throw new IOException(file + " is damaged", e);
    }
    if (manifest.entries.isEmpty()) {
      throw manifest.damaged();
    }
    return manifest;
  }

  private IOException damaged() {
    return new IOException(folder.resolve(FILE) + " is damaged");
  }

  /** Returns the names of the files. */
  Set<String> names() {
    return entries.keySet();
  }

  /**
   * Checks a file by its SHA-256.
   *
   * @throws IOException if it is missing or damaged
   */
  void verify(String name) throws IOException {
    verifySize(name);
    Path file = folder.resolve(name);
    if (!Sha256.of(file).equals(entry(name).get(SHA256))) {
      throw new IOException(file + " is damaged: its SHA-256 is not that of the manifest");
    }
  }

  /**
   * Checks that a file is there and as long as it was.
   *
   * @throws IOException if it is not
   */
  void verifySize(String name) throws IOException {
    Path file = folder.resolve(name);
    Map<?, ?> entry = entry(name);
    if (!Files.isRegularFile(file)) {
      throw new IOException(file + " is missing");
    }
    long bytes = Files.size(file);
    if (!(entry.get(BYTES) instanceof Number expected)) {
      throw damaged();
    }
    if (bytes != expected.longValue()) {
      throw new IOException(
          "%s is damaged: it has %d bytes, in the manifest %d"
              .formatted(file, bytes, expected.longValue()));
    }
  }

  /**
   * Checks a file by its pieces, several at a time.
   *
   * @throws IOException if it is missing or damaged
   */
  void verifyPieces(String name) throws IOException {
    verifySize(name);
    Path file = folder.resolve(name);
    verifyPieces(name, List.of(new PieceChecksums.Range(0, Files.size(file))));
  }

  /**
   * Checks some ranges of a file by the pieces that they are in.
   *
   * @throws IOException if it is damaged there
   */
  void verifyPieces(String name, List<PieceChecksums.Range> ranges) throws IOException {
    Object pieces = entry(name).get(PIECES);
    if (pieces == null) {
      verify(name);
      return;
    }
    if (!(pieces instanceof List<?> all)) {
      throw damaged();
    }
    Path file = folder.resolve(name);
    PieceChecksums checksums = new PieceChecksums(all.stream().map(String::valueOf).toList());
    if (!checksums.match(file, ranges, threads())) {
      throw new IOException(
          file + " is damaged: the CRC-32C of a piece is not that of the manifest");
    }
  }

  /** Not as many as LibTorch's: commands that need no model check manifests without loading it. */
  private static int threads() {
    return Runtime.getRuntime().availableProcessors();
  }

  private Map<?, ?> entry(String name) throws IOException {
    if (!(entries.get(name) instanceof Map<?, ?> entry)) {
      throw damaged();
    }
    return entry;
  }
}
