package dev.hydra.cli;

import dev.hydra.trainer.run.RunFolder;
import dev.hydra.trainer.run.RunLock;
import java.io.IOException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * The folder of a run that is about to begin. If the run is refused before it begins, the folder
 * goes again, with the folders above it that were made for it.
 */
final class NewRunFolder implements AutoCloseable {
  private final RunFolder folder;

  /** Folders that were not there before, the innermost first. */
  private final List<Path> made;

  private NewRunFolder(RunFolder folder, List<Path> made) {
    this.folder = folder;
    this.made = made;
  }

  /** The folder at a path, which may be there already; the trainer makes it. */
  static NewRunFolder at(Path path) {
    return new NewRunFolder(new RunFolder(path), missing(path));
  }

  /** A folder that no other process has, by a name or one that begins so. */
  static NewRunFolder in(Path above, String name) throws IOException {
    List<Path> madeAbove = missing(above);
    RunFolder folder = RunFolder.unused(above, name);
    List<Path> made = new ArrayList<>(List.of(folder.path()));
    made.addAll(madeAbove);
    return new NewRunFolder(folder, made);
  }

  private static List<Path> missing(Path path) {
    List<Path> missing = new ArrayList<>();
    for (Path each = path.toAbsolutePath();
        each != null && !Files.exists(each);
        each = each.getParent()) {
      missing.add(each);
    }
    return missing;
  }

  /** The folder. */
  RunFolder folder() {
    return folder;
  }

  @Override
  public void close() throws IOException {
    if (Files.exists(folder.config()) || !Files.isDirectory(folder.path())) {
      return;
    }
    try (RunLock lock = RunLock.take(folder.path())) {
      List<Path> empty = new ArrayList<>(List.of(folder.checkpointsFolder()));
      empty.addAll(made);
      lock.delete();
      for (Path each : empty) {
        Files.deleteIfExists(each);
      }
    } catch (DirectoryNotEmptyException | RunLock.TakenException e) {
      // there is something else in it, or somebody else: it is theirs
    }
  }
}
