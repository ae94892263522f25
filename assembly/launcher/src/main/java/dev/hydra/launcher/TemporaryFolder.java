package dev.hydra.launcher;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.UserPrincipal;
import java.util.Comparator;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.osgi.framework.BundleException;

/**
 * A fresh folder that is deleted when the process ends, by a signal too. What a process has left
 * that could not do so is deleted by the next one.
 *
 * <p>A process holds a lock on a file in its folder as long as it lives. The system takes that back
 * however it ends, and it counts in other containers and, where the file system can, on other
 * hosts, whose process ids say nothing here.
 */
final class TemporaryFolder {
  private static final String PREFIX = "hydra-start-";

  /** Sorts before all else in the folder, so that it is deleted last: without it nobody sweeps. */
  private static final String LOCK = ".in-use";

  /** How long the end of the process waits for what is being written. */
  private static final long WRITING_MILLIS = 1_000;

  private final Path path;
  private final ReentrantLock writing = new ReentrantLock();
  private volatile boolean ended;

  private TemporaryFolder(Path path) {
    this.path = path;
  }

  /** The process ends, by a signal, and its folder with it. */
  static final class EndedException extends RuntimeException {
    private static final long serialVersionUID = 1;

    EndedException() {
      super("Hydra is ending");
    }
  }

  /** What writes to the folder, or makes it anew if it is gone. */
  @FunctionalInterface
  interface Writing<T> {
    T run() throws BundleException, IOException;
  }

  /**
   * Makes the folder, and begins to delete those of dead processes of this user.
   *
   * @throws StartException if there is no place for it
   * @throws EndedException if the process ends
   */
  static TemporaryFolder create() {
    try {
      Path path = Files.createTempDirectory(PREFIX);
      FileChannel channel = hold(path);
      TemporaryFolder folder = new TemporaryFolder(path);
      Runtime.getRuntime().addShutdownHook(new Thread(() -> folder.end(channel), "delete " + path));
      Thread sweeper = new Thread(() -> sweep(path), "sweep " + path.getParent());
      sweeper.setDaemon(true);
      sweeper.start();
      return folder;
    } catch (IllegalStateException e) { // the hook came too late
      throw new EndedException();
    } catch (IOException e) {
      throw new StartException(
          "no temporary folder can be made in "
              + System.getProperty("java.io.tmpdir")
              + " ("
              + Problem.rootCause(e)
              + "): set TMPDIR to a folder that can be written",
          e);
    }
  }

  /** Returns the folder. */
  Path path() {
    return path;
  }

  /**
   * Writes to the folder, which stays until that is done.
   *
   * @throws EndedException if the process ends
   */
  <T> T write(Writing<T> action) throws BundleException, IOException {
    writing.lock();
    try {
      if (ended) {
        throw new EndedException();
      }
      return action.run();
    } finally {
      writing.unlock();
    }
  }

  /**
   * Locks the folder until the channel is closed, or nobody refers to it any more. The file gets
   * its name when it is locked: until then nobody takes the folder for left over.
   */
  private static FileChannel hold(Path folder) throws IOException {
    Path file = Files.createFile(folder.resolve(LOCK + ".new"));
    FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE);
    if (lock(channel) != null) {
      Files.move(file, folder.resolve(LOCK));
    }
    return channel;
  }

  private void end(FileChannel channel) {
    ended = true;
    awaitWriting();
    delete(path);
    try {
      channel.close();
    } catch (IOException e) {
      // the system closes it in a moment
    }
  }

  private void awaitWriting() {
    try {
      if (writing.tryLock(WRITING_MILLIS, TimeUnit.MILLISECONDS)) {
        writing.unlock(); // nobody writes from now on
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** Locks the channel; null if another process has it, or the file system has no locks. */
  private static @Nullable FileLock lock(FileChannel channel) {
    try {
      return channel.tryLock();
    } catch (IOException noLocks) {
      return null;
    }
  }

  /** Deletes as far as possible: the next process tries again. */
  private static void sweep(Path own) {
    try (DirectoryStream<Path> folders = Files.newDirectoryStream(own.getParent(), PREFIX + "*")) {
      UserPrincipal user = Files.getOwner(own);
      for (Path folder : folders) {
        if (!folder.equals(own)
            && Files.isDirectory(folder, LinkOption.NOFOLLOW_LINKS)
            && Files.getOwner(folder, LinkOption.NOFOLLOW_LINKS).equals(user)) {
          deleteIfLeft(folder);
        }
      }
    } catch (IOException | DirectoryIteratorException goneMeanwhile) {
      // another process sweeps too
    }
  }

  private static void deleteIfLeft(Path folder) {
    try (FileChannel channel = FileChannel.open(folder.resolve(LOCK), StandardOpenOption.WRITE);
        FileLock lock = lock(channel)) {
      if (lock != null) {
        delete(folder);
      }
    } catch (IOException notOurs) {
      // it has no lock, so nobody knows
    }
  }

  /** Deletes as far as possible: at this point there is nobody left to tell. */
  private static void delete(Path folder) {
    try (Stream<Path> paths = Files.walk(folder)) {
      paths.sorted(Comparator.reverseOrder()).map(Path::toFile).forEach(File::delete);
    } catch (IOException | UncheckedIOException e) {
      folder.toFile().delete();
    }
  }
}
