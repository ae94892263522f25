package dev.hydra.huggingface;

import dev.hydra.libtorch.io.DurableFiles;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** A folder that is there with everything in it, or not at all. */
final class StagingFolder {
  private StagingFolder() {}

  /** Puts files into a folder. */
  @FunctionalInterface
  interface Writer {
    void write(Path folder) throws IOException;
  }

  /**
   * Writes into a folder beside, then renames it.
   *
   * @throws IOException if the folder is there and not empty, or the writer fails; nothing is left
   *     behind then
   */
  static void write(Path folder, Writer writer) throws IOException {
    Path target = folder.toAbsolutePath().normalize();
    requireFree(target);
    Path parent = target.getParent();
    if (parent == null) {
      throw new FileAlreadyExistsException(target.toString());
    }
    List<Path> made = missing(parent);
    Files.createDirectories(parent);
    Path side = target.resolveSibling(".incomplete-" + target.getFileName());
    DurableFiles.delete(side);
    try {
      Files.createDirectory(side);
      writer.write(side);
      Files.deleteIfExists(target); // if there is one, it is empty
      DurableFiles.replace(side, target);
    } catch (IOException | RuntimeException | Error e) {
      try {
        DurableFiles.delete(side);
        for (Path each : made) {
          Files.delete(each);
        }
      } catch (IOException cleanup) {
        e.addSuppressed(cleanup);
      }
      throw e;
    }
  }

  /** A folder and those above it, as far as they are not there; the deepest first. */
  private static List<Path> missing(Path folder) {
    List<Path> missing = new ArrayList<>();
    for (Path each = folder; each != null && Files.notExists(each); each = each.getParent()) {
      missing.add(each);
    }
    return missing;
  }

  /**
   * Makes sure that a folder may be made.
   *
   * @throws IOException if there is something already
   */
  static void requireFree(Path folder) throws IOException {
    if (!Files.exists(folder)) {
      return;
    }
    if (!Files.isDirectory(folder)) {
      throw new IOException(folder + " is a file; name a new folder");
    }
    try (Stream<Path> entries = Files.list(folder)) {
      if (entries.findAny().isPresent()) {
        throw new IOException(folder + " is not empty; name a new folder");
      }
    }
  }
}
