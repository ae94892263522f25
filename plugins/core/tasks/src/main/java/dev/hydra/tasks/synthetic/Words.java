package dev.hydra.tasks.synthetic;

import java.util.ArrayList;
import java.util.List;

/** Names tokens. */
final class Words {
  private Words() {}

  /** Returns a prefix with the numbers from 0, so many. */
  static List<String> numbered(String prefix, int count) {
    List<String> all = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      all.add(prefix + i);
    }
    return all;
  }

  /** Returns lists one after the other. */
  @SafeVarargs
  static List<String> all(List<String>... lists) {
    List<String> all = new ArrayList<>();
    for (List<String> each : lists) {
      all.addAll(each);
    }
    return List.copyOf(all);
  }
}
