package dev.hydra.api;

import java.util.Collection;
import java.util.Comparator;
import java.util.Locale;
import java.util.Optional;

/** Finds the name that somebody probably meant. */
public final class Names {
  private Names() {}

  /** Says that a name is unknown, which one is nearest, and which there are. */
  public static String unknown(String kind, String name, Collection<String> known) {
    String hint = nearest(name, known).map(n -> "; did you mean \"" + n + "\"?").orElse(".");
    return "unknown " + kind + " \"" + name + "\"" + hint + " Known: " + String.join(", ", known);
  }

  /** Returns the nearest known name, if one is near. */
  public static Optional<String> nearest(String name, Collection<String> known) {
    return known.stream()
        .filter(k -> distance(name, k) <= Math.max(2, name.length() / 2))
        .min(Comparator.comparingInt(k -> distance(name, k)));
  }

  /** Computes the Levenshtein distance without regard to case. */
  private static int distance(String left, String right) {
    String a = left.toLowerCase(Locale.ROOT);
    String b = right.toLowerCase(Locale.ROOT);
    int[] row = new int[b.length() + 1];
    for (int j = 0; j <= b.length(); j++) {
      row[j] = j;
    }
    for (int i = 1; i <= a.length(); i++) {
      int diagonal = row[0];
      row[0] = i;
      for (int j = 1; j <= b.length(); j++) {
        int replaced = diagonal + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
        diagonal = row[j];
        row[j] = Math.min(replaced, 1 + Math.min(row[j], row[j - 1]));
      }
    }
    return row[b.length()];
  }
}
