package dev.hydra.bench;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Runs cases in turn, round after round, so that a disturbance of the machine hits all of them and
 * not the one that happened to run.
 */
final class Rounds {
  private static final int WARM_UP = 2;
  private static final int FEWEST = 3;

  private Rounds() {}

  /**
   * Times every case.
   *
   * @param cases what to run; each waits for its device itself
   * @param seconds how long to go on, in all; at least three rounds are made
   * @return the timing of each case
   */
  static List<Timing> time(List<? extends Runnable> cases, double seconds) {
    for (Runnable run : cases) {
      for (int i = 0; i < WARM_UP; i++) {
        run.run();
      }
    }
    List<double[]> rounds = new ArrayList<>();
    long begin = System.nanoTime();
    while (rounds.size() < FEWEST || since(begin) < seconds) {
      double[] round = new double[cases.size()];
      for (int i = 0; i < round.length; i++) {
        long start = System.nanoTime();
        cases.get(i).run();
        round[i] = since(start);
      }
      rounds.add(round);
    }
    return IntStream.range(0, cases.size())
        .mapToObj(i -> Timing.of(rounds.stream().mapToDouble(round -> round[i]).toArray()))
        .toList();
  }

  private static double since(long nanos) {
    return (System.nanoTime() - nanos) / 1e9;
  }
}
