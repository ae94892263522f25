package dev.hydra.data;

/**
 * Samples in an order that looks random and is fixed by a seed: a permutation, another one in each
 * epoch.
 *
 * @param samples what is shuffled
 * @param seed selects the order
 */
record ShuffledSamples(Samples samples, long seed) implements Samples {
  @Override
  public long count() {
    return samples.count();
  }

  @Override
  public void read(long number, Batch into, int row) {
    long key = Permutation.mix(seed + Permutation.mix(number / count()));
    samples.read(new Permutation(count(), key).at(number % count()), into, row);
  }
}
