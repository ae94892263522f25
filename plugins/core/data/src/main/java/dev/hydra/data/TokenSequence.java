package dev.hydra.data;

/** Tokens by their index. Any thread may read. */
interface TokenSequence {
  /** Returns the number of tokens. */
  long size();

  /** Reads the tokens from an index on into an array. */
  void read(long from, long[] into, int offset, int count);
}
