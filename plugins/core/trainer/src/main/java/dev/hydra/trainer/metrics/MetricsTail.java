package dev.hydra.trainer.metrics;

import dev.hydra.libtorch.io.JsonText;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SeekableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Follows a file of metrics that a run is writing: reads what was added since, and all of it again
 * where a resumed run has cut it back.
 */
public final class MetricsTail {
  private static final int CHUNK = 1 << 20;

  private final Path file;
  private final List<MetricLine> lines = new ArrayList<>();
  private @Nullable Object identity;
  private long read;

  /** Names the file, which need not be there yet. */
  public MetricsTail(Path file) {
    this.file = file;
  }

  /**
   * Reads what there is now.
   *
   * @return whether anything is new
   */
  public boolean update() throws IOException {
    BasicFileAttributes now;
    try {
      now = Files.readAttributes(file, BasicFileAttributes.class);
    } catch (NoSuchFileException e) {
      return reset();
    }
    Object known = now.fileKey();
    boolean fresh = !Objects.equals(known, identity) || now.size() < read;
    if (fresh) {
      reset();
      identity = known;
    }
    return add(now.size()) || fresh;
  }

  private boolean reset() {
    boolean some = !lines.isEmpty();
    lines.clear();
    identity = null;
    read = 0;
    return some;
  }

  /** Reads whole lines up to a size; one that is being written is left for the next time. */
  private boolean add(long size) throws IOException {
    int before = lines.size();
    try (SeekableByteChannel channel = Files.newByteChannel(file)) {
      while (read < size) {
        byte[] bytes = next(channel, size);
        int end = lastLineEnd(bytes);
        if (end == 0) {
          break;
        }
        new String(bytes, 0, end, StandardCharsets.UTF_8).lines().forEach(this::parse);
        read += end;
      }
    }
    return lines.size() > before;
  }

  /** Reads a chunk, or more where a single line is longer. */
  private byte[] next(SeekableByteChannel channel, long size) throws IOException {
    for (long length = CHUNK; ; length *= 2) {
      ByteBuffer buffer = ByteBuffer.allocate((int) Math.min(length, size - read));
      channel.position(read);
      while (buffer.hasRemaining() && channel.read(buffer) >= 0) {
        // until it is full
      }
      byte[] bytes = new byte[buffer.position()];
      buffer.flip().get(bytes);
      if (lastLineEnd(bytes) > 0 || bytes.length < length) {
        return bytes;
      }
    }
  }

  private static int lastLineEnd(byte[] bytes) {
    int end = bytes.length;
    while (end > 0 && bytes[end - 1] != '\n') {
      end--;
    }
    return end;
  }

  private void parse(String line) {
    Map<String, Object> object;
    try {
      object = JsonText.object(line);
    } catch (IOException e) {
      return; // cut short by a crash, as MetricsFile leaves it out
    }
    MetricLine.of(object).ifPresent(lines::add);
  }

  /** Returns all lines as of the last {@link #update}, in their order. */
  public List<MetricLine> lines() {
    return List.copyOf(lines);
  }
}
