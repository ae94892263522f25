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
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

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
  private static final String LOCK = "in-use";

  private TemporaryFolder() {}

  /**
   * Makes the folder, and begins to delete those of dead processes of this user.
   *
   * @throws StartException if there is no place for it
   */
  static Path create() {
    try {
      Path folder = Files.createTempDirectory(PREFIX);
      FileChannel channel = hold(folder);
      Runtime.getRuntime()
          .addShutdownHook(new Thread(() -> end(folder, channel), "delete " + folder));
      Thread sweeper = new Thread(() -> sweep(folder), "sweep " + folder.getParent());
      sweeper.setDaemon(true);
      sweeper.start();
      return folder;
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

  private static void end(Path folder, FileChannel channel) {
    delete(folder);
    try {
      channel.close();
    } catch (IOException e) {
      // the system closes it in a moment
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
