package dev.hydra.launcher;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.stream.Stream;

/** A fresh folder that is deleted when the process ends, by a signal too. */
final class TemporaryFolder {
  private TemporaryFolder() {}

  static Path create(String prefix) throws IOException {
    Path folder = Files.createTempDirectory(prefix);
    Runtime.getRuntime().addShutdownHook(new Thread(() -> delete(folder), "delete " + folder));
    return folder;
  }

  /** Deletes as far as possible: at this point there is nobody left to tell. */
  private static void delete(Path folder) {
    try (Stream<Path> paths = Files.walk(folder)) {
      paths.sorted(Comparator.reverseOrder()).map(Path::toFile).forEach(File::delete);
    } catch (IOException e) {
      folder.toFile().delete();
    }
  }
}
