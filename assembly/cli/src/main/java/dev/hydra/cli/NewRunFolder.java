package dev.hydra.cli;

import dev.hydra.cli.swap.SwapChannel;
import dev.hydra.libtorch.io.DurableFiles;
import dev.hydra.trainer.run.RunFolder;
import dev.hydra.trainer.run.RunLock;
import java.io.IOException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;

/**
 * The folder of a run that is about to begin. If the run is refused before it begins, or nothing
 * comes of it, the folder goes again, with the folders above it that were made for it.
 */
final class NewRunFolder implements AutoCloseable {
  private final RunFolder folder;

  /** Folders that were not there before, the innermost first. */
  private final List<Path> made;

  /** What was in it. */
  private final Set<Path> before;

  private boolean nothing;

  private NewRunFolder(RunFolder folder, List<Path> made) throws IOException {
    this.folder = folder;
    this.made = made;
    this.before = Set.copyOf(entries());
  }

  private List<Path> entries() throws IOException {
    if (!Files.isDirectory(folder.path())) {
      return List.of();
    }
    try (Stream<Path> entries = Files.list(folder.path())) {
      return entries.toList();
    }
  }

  /** The folder at a path, which may be there already; the trainer makes it. */
  static NewRunFolder at(Path path) throws IOException {
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

  /** The run has ended before its first step: what it has written is of no use to anybody. */
  void nothingCameOfIt() {
    nothing = true;
  }

  @Override
  public void close() throws IOException {
    if (nothing) {
      for (Path each : entries()) {
        if (!before.contains(each) && !holdsPlugins(each)) {
          DurableFiles.delete(each);
        }
      }
    }
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

  /** Says whether somebody has put plugins there meanwhile. */
  private boolean holdsPlugins(Path entry) throws IOException {
    if (!entry.equals(folder.path().resolve(SwapChannel.DROP))) {
      return false;
    }
    try (Stream<Path> files = Files.list(entry)) {
      return files.findAny().isPresent();
    }
  }
}
