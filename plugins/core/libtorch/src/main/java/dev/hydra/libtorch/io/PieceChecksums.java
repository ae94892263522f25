package dev.hydra.libtorch.io;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.TreeSet;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.zip.CRC32C;

/**
 * The CRC-32C (Castagnoli, RFC 3720) of every 4 MiB of a file, the last ones fewer. They tell
 * damage as SHA-256 does, not intent; but pieces are checked by several threads, each at the speed
 * of memory, and only those that are needed.
 *
 * @param pieces the checksums in the order of the pieces, eight lower-case hexadecimal digits each
 */
public record PieceChecksums(List<String> pieces) {
  /** The bytes of a piece. */
  public static final int PIECE = 4 << 20;

  /** A buffer that stays in a core's cache. */
  private static final int BUFFER = 256 << 10;

  /**
   * A range of bytes.
   *
   * @param from the first
   * @param to the one after the last
   */
  public record Range(long from, long to) {}

  /** Copies the list. */
  public PieceChecksums {
    pieces = List.copyOf(pieces);
  }

  /**
   * Computes those of a file.
   *
   * @throws IOException if it cannot be read
   */
  public static PieceChecksums of(Path file, int threads) throws IOException {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      List<Integer> all = new ArrayList<>();
      for (int i = 0; i < count(channel.size()); i++) {
        all.add(i);
      }
      return new PieceChecksums(compute(channel, all, threads));
    }
  }

  /**
   * Says whether a file has as many pieces and is the same in some ranges: the pieces that these
   * are in are read.
   *
   * @throws IOException if it cannot be read
   */
  public boolean match(Path file, List<Range> ranges, int threads) throws IOException {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      if (count(channel.size()) != pieces.size()) {
        return false;
      }
      TreeSet<Integer> needed = new TreeSet<>();
      for (Range range : ranges) {
        for (long at = range.from() / PIECE; at * PIECE < range.to(); at++) {
          needed.add((int) at);
        }
      }
      List<Integer> order = List.copyOf(needed);
      return compute(channel, order, threads).equals(order.stream().map(pieces::get).toList());
    }
  }

  private static long count(long bytes) {
    return (bytes + PIECE - 1) / PIECE;
  }

  private static List<String> compute(FileChannel channel, List<Integer> numbers, int threads)
      throws IOException {
    String[] computed = new String[numbers.size()];
    AtomicInteger next = new AtomicInteger();
    try (FileThreads pool = new FileThreads(Math.min(threads, numbers.size()))) {
      List<Future<Void>> computing = new ArrayList<>();
      for (int i = 0; i < pool.count(); i++) {
        computing.add(
            pool.submit(
                () -> {
                  ByteBuffer buffer = ByteBuffer.allocateDirect(BUFFER);
                  for (int at; (at = next.getAndIncrement()) < computed.length; ) {
                    computed[at] = piece(channel, (long) numbers.get(at) * PIECE, buffer);
                  }
                  return null;
                }));
      }
      for (Future<Void> each : computing) {
        FileThreads.result(each);
      }
    }
    return Arrays.asList(computed);
  }

  private static String piece(FileChannel channel, long from, ByteBuffer buffer)
      throws IOException {
    long end = Math.min(from + PIECE, channel.size());
    CRC32C checksum = new CRC32C();
    for (long at = from; at < end; ) {
      buffer.clear().limit((int) Math.min(BUFFER, end - at));
      int read = channel.read(buffer, at);
      if (read < 0) {
        throw new EOFException("the file ends at byte " + at);
      }
      checksum.update(buffer.flip());
      at += read;
    }
    return HexFormat.of().toHexDigits((int) checksum.getValue());
  }
}
