package dev.hydra.data;

import dev.hydra.api.ConfigException;
import java.util.ArrayList;
import java.util.List;

/**
 * The names of the texts to score on. Metrics, reports and comparisons know a text by nothing else,
 * so no two may have one, nor the name that scores of averaged weights have.
 */
final class ValidationNames {
  private static final String AVERAGES = "-ema";

  private final List<SourceSettings> taken = new ArrayList<>();

  /**
   * Takes the name of a text.
   *
   * @throws ConfigException if it has none, or one that others have
   */
  void take(SourceSettings source) {
    String name = source.name();
    if (name.isBlank()) {
      throw source.misnamed("a name must not be empty: scores are told apart by it");
    }
    for (SourceSettings other : taken) {
      if (other.name().equals(name)) {
        throw source.misnamed(alike("its scores", other, "those"));
      }
      if (name.equals(other.name() + AVERAGES)) {
        throw source.misnamed(alike("its scores", other, "those of averaged weights"));
      }
      if (other.name().equals(name + AVERAGES)) {
        throw source.misnamed(alike("its scores with averaged weights", other, "those"));
      }
    }
    taken.add(source);
  }

  private static String alike(String scores, SourceSettings other, String those) {
    return scores
        + " could not be told from "
        + those
        + " of "
        + other.place()
        + ", which is called \""
        + other.name()
        + "\"; choose another name";
  }
}
