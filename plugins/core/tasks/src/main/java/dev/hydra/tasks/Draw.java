package dev.hydra.tasks;

import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/** Draws what tasks have at random from a generator. */
public final class Draw {
  private Draw() {}

  /**
   * Returns some of the numbers from 0 below a bound, all different, in random order.
   *
   * @throws IllegalArgumentException if there are not that many
   */
  public static int[] distinct(int count, int bound, SplittableRandom random) {
    if (count > bound) {
      throw new IllegalArgumentException(
          "there are not " + count + " different numbers below " + bound);
    }
    int[] all = IntStream.range(0, bound).toArray();
    for (int i = 0; i < count; i++) { // Fisher and Yates, as far as needed
      int other = random.nextInt(i, bound);
      int drawn = all[other];
      all[other] = all[i];
      all[i] = drawn;
    }
    return Arrays.copyOf(all, count);
  }

  /** Puts an array in random order. */
  public static void shuffle(int[][] all, SplittableRandom random) {
    for (int i = all.length - 1; i > 0; i--) {
      int other = random.nextInt(i + 1);
      int[] drawn = all[other];
      all[other] = all[i];
      all[i] = drawn;
    }
  }
}
