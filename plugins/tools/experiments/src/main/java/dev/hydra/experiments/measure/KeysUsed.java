package dev.hydra.experiments.measure;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The part of the rows of a product-key memory that the examples of a condition read, by any of
 * their tokens: the memory's own observation, {@code usage}. Of examples that do not fit into one
 * forward it is the mean over forwards.
 */
record KeysUsed() implements Measure {
  private static final String USAGE = "usage";

  @Override
  public Measured of(String name, List<Observed> conditions) {
    Measured all = Measured.NONE;
    for (Observed each : conditions) {
      Map<String, Double> used = new LinkedHashMap<>();
      for (String site : Sites.of(USAGE, conditions)) {
        used.put(site, each.average(site + "." + USAGE).get(0));
      }
      all = all.with(Measured.of(Sites.named(name + " " + each.condition(), used)));
    }
    return all;
  }
}
