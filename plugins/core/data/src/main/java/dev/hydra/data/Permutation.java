package dev.hydra.data;

/**
 * A pseudorandom permutation of 0..size-1 that is computed point by point: no table, so any element
 * of any epoch's order is there at once.
 *
 * <p>A Feistel network over the smallest even number of bits that holds the size, walked until it
 * falls inside (cycle walking; Black and Rogaway, "Ciphers with Arbitrary Finite Domains", CT-RSA
 * 2002, section 4), with SplitMix64's finaliser as round function.
 *
 * @param size the number of elements, at least 1
 * @param key selects the permutation
 */
record Permutation(long size, long key) {
  private static final int ROUNDS = 8;

  /** Returns the element at an index. */
  long at(long index) {
    int half = Math.max(1, (64 - Long.numberOfLeadingZeros(size - 1) + 1) / 2);
    long value = index;
    do {
      value = encrypt(value, half);
    } while (value >= size);
    return value;
  }

  private long encrypt(long value, int half) {
    long mask = (1L << half) - 1;
    long left = value >>> half;
    long right = value & mask;
    for (int round = 0; round < ROUNDS; round++) {
      long next = left ^ (mix(key + mix(right * ROUNDS + round)) & mask);
      left = right;
      right = next;
    }
    return left << half | right;
  }

  /**
   * Mixes the bits of a number by SplitMix64 (Steele, Lea and Flood, "Fast Splittable Pseudorandom
   * Number Generators", 2014).
   */
  static long mix(long x) {
    long z = x + 0x9e3779b97f4a7c15L;
    z = (z ^ (z >>> 30)) * 0xbf58476d1ce4e5b9L;
    z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
    return z ^ (z >>> 31);
  }
}
