package dev.hydra.data;

/**
 * The training samples of a run, or of one rank of it, one batch after the other, read ahead on a
 * thread. Which windows a batch holds depends on the data, their seed and the number of samples
 * taken before only: to resume, {@link #seek} that number. Batches of another size, or another
 * number of ranks, go on with the same samples in the same order.
 *
 * <p>For one thread.
 */
public final class Sampler implements AutoCloseable {
  private final Samples samples;
  private final int width;
  private final int rank;
  private final int ranks;
  private final ReadAhead ahead;
  private long position;

  Sampler(Samples samples, int length) {
    this(samples, length + 1, 0, 1);
  }

  private Sampler(Samples samples, int width, int rank, int ranks) {
    this.samples = samples;
    this.width = width;
    this.rank = rank;
    this.ranks = ranks;
    this.ahead = new ReadAhead(this::read, ranks);
  }

  /**
   * Returns the sampler of one of several ranks, at the first sample. Together they take, batch by
   * batch, what a single one takes; all must ask for batches of one size.
   *
   * @param newRank its number, from 0
   * @param newRanks how many there are
   */
  public Sampler ofRank(int newRank, int newRanks) {
    if (newRank < 0 || newRank >= newRanks) {
      throw new IllegalArgumentException("there is no rank " + newRank + " of " + newRanks);
    }
    return new Sampler(samples, width, newRank, newRanks);
  }

  /** Returns the next samples. A batch may reach into the next epoch. */
  public Batch next(int batchSize) {
    Batch batch = ahead.take(position + (long) rank * batchSize, batchSize);
    position += (long) ranks * batchSize;
    return batch;
  }

  private Batch read(long from, int rows) {
    Batch batch = new Batch(rows, width);
    for (int row = 0; row < rows; row++) {
      samples.read(from + row, batch, row);
    }
    return batch;
  }

  /** Returns the number of samples taken, by all ranks. */
  public long position() {
    return position;
  }

  /** Continues as if so many samples had been taken, by all ranks. */
  public void seek(long taken) {
    if (taken < 0) {
      throw new IllegalArgumentException("cannot have taken " + taken + " samples");
    }
    position = taken;
  }

  /** Returns the number of samples in an epoch, of all sources together. */
  public long samplesPerEpoch() {
    return samples.count();
  }

  /** Ends the thread that reads ahead; it begins again if more is asked for. */
  @Override
  public void close() {
    ahead.close();
  }
}
