package dev.hydra.huggingface;

import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** What is wrong with tensors, by kind of mistake; long lists are cut. */
final class Problems {
  private static final int SHOWN = 100;

  private final Map<String, List<String>> byKind = new LinkedHashMap<>();

  void add(String kind, String what) {
    byKind.computeIfAbsent(kind, key -> new ArrayList<>()).add(what);
  }

  /** Tells all of them, if there are any. */
  void throwIfAny(String where) throws IOException {
    if (byKind.isEmpty()) {
      return;
    }
    StringBuilder text = new StringBuilder(where);
    byKind.forEach(
        (kind, all) -> {
          text.append("\n  ").append(kind).append(": ");
          text.append(String.join(", ", all.subList(0, Math.min(SHOWN, all.size()))));
          if (all.size() > SHOWN) {
            text.append(" and ").append(all.size() - SHOWN).append(" more");
          }
        });
    throw new IOException(text.toString());
  }
}
