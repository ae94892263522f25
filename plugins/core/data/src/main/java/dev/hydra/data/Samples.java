package dev.hydra.data;

/**
 * Windows of tokens by their number: the same number always gives the same window, so that a run
 * can go on anywhere. Any thread may read.
 */
interface Samples {
  /** Returns how many there are, or how many an epoch has where numbers go on for ever. */
  long count();

  /** Reads the window of a number into a row of a batch, as wide as the batch is. */
  void read(long number, Batch into, int row);
}
