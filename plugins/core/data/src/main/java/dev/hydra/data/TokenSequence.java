package dev.hydra.data;

import java.nio.ByteBuffer;
import java.util.zip.CRC32C;

/** Tokens by their index. Any thread may read. */
interface TokenSequence {
  /** Returns the number of tokens. */
  long size();

  /** Reads the tokens from an index on into an array. */
  void read(long from, long[] into, int offset, int count);

  /**
   * Returns where documents end, in order: the index after the last token of each. The last one
   * ends where the text ends; some may be empty.
   */
  long[] documentEnds();

  /** Returns a short text that another sequence hardly shares: the size and a CRC-32C. */
  default String fingerprint() {
    CRC32C sum = new CRC32C();
    long[] block = new long[1 << 14];
    ByteBuffer bytes = ByteBuffer.allocate(Integer.BYTES * block.length);
    for (long from = 0; from < size(); from += block.length) {
      int count = (int) Math.min(block.length, size() - from);
      read(from, block, 0, count);
      bytes.clear();
      for (int i = 0; i < count; i++) {
        bytes.putInt((int) block[i]);
      }
      sum.update(bytes.flip());
    }
    return "%d-%08x".formatted(size(), sum.getValue());
  }
}
