package dev.hydra.experiments;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Optional;

/**
 * The right to make a result, which one process has at a time. The system takes it back from a
 * process that ends, in whatever way.
 */
final class TrialClaim implements AutoCloseable {
  private final Path file;
  private final FileChannel channel;

  private TrialClaim(Path file, FileChannel channel) {
    this.file = file;
    this.channel = channel;
  }

  /** Takes the right that a file stands for; nothing if another process has it. */
  static Optional<TrialClaim> take(Path file) throws IOException {
    FileChannel channel =
        FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
    try {
      if (channel.tryLock() != null) {
        return Optional.of(new TrialClaim(file, channel));
      }
    } catch (OverlappingFileLockException thisProcessHasIt) {
      // the same as another
    } catch (IOException | RuntimeException e) {
      channel.close();
      throw e;
    }
    channel.close();
    return Optional.empty();
  }

  @Override
  public void close() throws IOException {
    Files.deleteIfExists(file);
    channel.close();
  }
}
