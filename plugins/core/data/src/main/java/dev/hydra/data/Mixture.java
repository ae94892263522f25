package dev.hydra.data;

import java.util.List;

/**
 * Samples of several members, each as often as its weight says. Numbers are cut into blocks, of
 * which every one has the same number of samples of a member, in an order fixed by the seed; so
 * which sample of which member a number is needs no memory of those before, no sample is left out,
 * and a member that is at its end begins its next epoch while the others go on.
 */
final class Mixture implements Samples {
  /** Weights are rounded to parts of this at worst. */
  private static final int LARGEST_BLOCK = 4096;

  /** How far a share may be from what its weight says, as a part of it. */
  private static final double TOLERANCE = 1e-3;

  private final List<? extends Samples> members;
  private final long seed;
  private final long[] ends;

  /**
   * Mixes members.
   *
   * @param weights one for each, above 0
   * @param seed selects the order
   */
  Mixture(List<? extends Samples> members, double[] weights, long seed) {
    this.members = List.copyOf(members);
    this.seed = seed;
    this.ends = block(weights);
  }

  /**
   * Returns where the samples of each member end in a block: as short a one as the weights allow.
   */
  private static long[] block(double[] weights) {
    double all = 0;
    for (double weight : weights) {
      all += weight;
    }
    for (int size = weights.length; ; size++) {
      long[] ends = new long[weights.length];
      boolean exact = true;
      long end = 0;
      for (int i = 0; i < weights.length; i++) {
        double wanted = size * weights[i] / all;
        long count = Math.max(1, Math.round(wanted));
        exact &= Math.abs(count - wanted) <= TOLERANCE * wanted;
        end += count;
        ends[i] = end;
      }
      if (exact || size >= LARGEST_BLOCK) {
        return ends;
      }
    }
  }

  @Override
  public long count() {
    return members.stream().mapToLong(Samples::count).sum();
  }

  @Override
  public void read(long number, Batch into, int row) {
    long slot = slot(number);
    int member = memberOf(slot);
    members.get(member).read(numberInMember(number, slot, member), into, row);
  }

  /** Returns the index of the member that a number's sample comes from. */
  int member(long number) {
    return memberOf(slot(number));
  }

  /** Returns the number that a number's sample has in its member. */
  long numberInMember(long number) {
    long slot = slot(number);
    return numberInMember(number, slot, memberOf(slot));
  }

  private long slot(long number) {
    long size = ends[ends.length - 1];
    long key = Permutation.mix(seed + Permutation.mix(number / size));
    return new Permutation(size, key).at(number % size);
  }

  private int memberOf(long slot) {
    int member = 0;
    while (slot >= ends[member]) {
      member++;
    }
    return member;
  }

  private long numberInMember(long number, long slot, int member) {
    long begin = member == 0 ? 0 : ends[member - 1];
    return number / ends[ends.length - 1] * (ends[member] - begin) + slot - begin;
  }
}
