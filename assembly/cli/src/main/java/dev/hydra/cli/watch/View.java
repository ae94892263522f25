package dev.hydra.cli.watch;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * What the page shows at one moment, in parts.
 *
 * @param stamp of the newest part; later views have greater ones
 * @param parts the HTML of each part and when it came, by the id of its element
 * @param runs what a program needs to know of each run
 */
record View(long stamp, Map<String, Part> parts, List<Map<String, Object>> runs) {
  /** A part of the page, and the stamp of the view in which it became so. */
  record Part(String html, long stamp) {}

  /** Returns what there is now, with the parts as they were where they have not changed. */
  View next(Map<String, String> now, List<Map<String, Object>> nowRuns) {
    Map<String, Part> next = new TreeMap<>();
    now.forEach(
        (id, html) -> {
          Part before = parts.get(id);
          boolean same = before != null && before.html().equals(html);
          next.put(id, same ? before : new Part(html, stamp + 1));
        });
    boolean same = next.equals(parts) && nowRuns.equals(runs);
    return same ? this : new View(stamp + 1, next, nowRuns);
  }

  /** Returns the parts that are newer than a stamp, as the values of a JSON object. */
  Map<String, Object> since(long known) {
    Map<String, String> newer = new LinkedHashMap<>();
    parts.forEach(
        (id, part) -> {
          if (part.stamp() > known) {
            newer.put(id, part.html());
          }
        });
    return Map.of("stamp", stamp, "parts", newer, "runs", runs);
  }
}
