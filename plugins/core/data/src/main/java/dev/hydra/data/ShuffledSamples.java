package dev.hydra.data;

/**
 * Samples in an order that looks random and is fixed by a seed, another one in every epoch.
 *
 * @param samples what is shuffled, one at least
 * @param seed selects the order
 */
record ShuffledSamples(Samples samples, long seed) implements Samples {
  @Override
  public long count() {
    return samples.count();
  }

  @Override
  public void read(long number, Batch into, int row) {
    samples.read(index(number), into, row);
  }

  /** Returns which of the samples a number is. */
  long index(long number) {
    long key = Permutation.mix(seed + Permutation.mix(number / count()));
    return new Permutation(count(), key).at(number % count());
  }
}
