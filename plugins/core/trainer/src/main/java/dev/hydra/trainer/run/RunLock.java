package dev.hydra.trainer.run;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.jspecify.annotations.Nullable;

/** Keeps a folder to one process; a process that dies lets go. */
public final class RunLock implements AutoCloseable {
  private static final String FILE = ".lock";

  private final Path file;
  private final FileChannel channel;

  private RunLock(Path file, FileChannel channel) {
    this.file = file;
    this.channel = channel;
  }

  /** Another process has the folder. */
  public static final class TakenException extends IOException {
    private static final long serialVersionUID = 1;

    TakenException(Path folder) {
      super("another process is using " + folder + "; wait for its end, or choose another folder");
    }
  }

  /**
   * Locks the folder.
   *
   * @throws TakenException if another process has it
   */
  public static RunLock take(Path folder) throws IOException {
    Path file = folder.resolve(FILE);
    FileChannel channel =
        FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
    @Nullable FileLock lock;
    try {
      lock = channel.tryLock();
    } catch (OverlappingFileLockException e) {
      lock = null; // this very process has it
    }
    if (lock == null) {
      channel.close();
      throw new TakenException(folder);
    }
    return new RunLock(file, channel);
  }

  /**
   * Checks that no other process has the folder now, and locks nothing.
   *
   * @throws TakenException if one has
   */
  public static void check(Path folder) throws IOException {
    if (Files.exists(folder.resolve(FILE))) {
      take(folder).close();
    }
  }

  /** Deletes the file that holds the lock, so that the folder can be deleted. */
  public void delete() throws IOException {
    Files.deleteIfExists(file);
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
