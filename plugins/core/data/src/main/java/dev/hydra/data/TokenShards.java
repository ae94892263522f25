package dev.hydra.data;

import java.io.EOFException;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * Tokens in files, of which only what is asked for is read: neither the heap nor the resident
 * memory grows with the text, where pages of mapped files would count as the process's own as long
 * as the system has room. The system keeps what is read often in its cache.
 */
final class TokenShards implements TokenSequence {
  /** A process may not have many more open. */
  private static final int OPEN_FILES = 64;

  private final ShardFormat format;
  private final List<ShardFiles> files;
  private final long[] ends;
  private final Optional<String> fingerprint;
  private final Map<Integer, RandomAccessFile> open = new LinkedHashMap<>(16, 0.75f, true);

  /**
   * Opens the shards of a folder.
   *
   * @param sizes what each holds
   * @param fingerprint what {@link #fingerprint} gives, if it was kept
   */
  TokenShards(
      ShardFormat format, Path folder, List<ShardFiles.Sizes> sizes, Optional<String> fingerprint) {
    this.fingerprint = fingerprint;
    this.format = format;
    this.files = IntStream.range(0, sizes.size()).mapToObj(i -> ShardFiles.of(folder, i)).toList();
    this.ends = new long[sizes.size()];
    long end = 0;
    for (int i = 0; i < ends.length; i++) {
      end += sizes.get(i).tokens();
      ends[i] = end;
    }
  }

  @Override
  public long size() {
    return ends.length == 0 ? 0 : ends[ends.length - 1];
  }

  @Override
  public String fingerprint() {
    return fingerprint.orElseGet(TokenSequence.super::fingerprint);
  }

  @Override
  public long[] documentEnds() {
    DocumentEnds all = new DocumentEnds();
    for (int i = 0; i < files.size(); i++) {
      try {
        files.get(i).addEnds(i == 0 ? 0 : ends[i - 1], all);
      } catch (IOException e) {
        throw unreadable(files.get(i).ends(), e);
      }
    }
    return all.of(size());
  }

  @Override
  public void read(long from, long[] into, int offset, int count) {
    int done = 0;
    while (done < count) {
      int shard = shardOf(from + done);
      long begin = shard == 0 ? 0 : ends[shard - 1];
      int here = (int) Math.min(count - done, ends[shard] - from - done);
      byte[] bytes = new byte[here * format.width()];
      read(shard, (from + done - begin) * format.width(), bytes);
      format.read(bytes, here, into, offset + done);
      done += here;
    }
  }

  private int shardOf(long index) {
    int found = java.util.Arrays.binarySearch(ends, index);
    int shard = found < 0 ? -found - 1 : found + 1;
    while (shard < ends.length && ends[shard] <= index) {
      shard++; // an empty one
    }
    if (index < 0 || shard >= ends.length) {
      throw new IndexOutOfBoundsException("there is no token " + index + " of " + size());
    }
    return shard;
  }

  private synchronized void read(int shard, long position, byte[] bytes) {
    Path file = files.get(shard).tokens();
    try {
      RandomAccessFile in = open.get(shard);
      if (in == null) {
        if (open.size() >= OPEN_FILES) {
          Integer oldest = open.keySet().iterator().next();
          open.remove(oldest).close();
        }
        in = new RandomAccessFile(file.toFile(), "r");
        open.put(shard, in);
      }
      in.seek(position);
      in.readFully(bytes);
    } catch (EOFException e) {
      throw new UncheckedIOException(
          file + " is shorter than it was; delete its folder and start again", e);
    } catch (IOException e) {
      throw unreadable(file, e);
    }
  }

  private static UncheckedIOException unreadable(Path file, IOException cause) {
    return new UncheckedIOException(file + " cannot be read: " + cause.getMessage(), cause);
  }
}
