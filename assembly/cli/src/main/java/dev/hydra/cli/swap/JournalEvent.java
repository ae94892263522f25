package dev.hydra.cli.swap;

import dev.hydra.cli.common.Json;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.StringJoiner;

/**
 * What a run's journal tells of a change, for people.
 *
 * @param name such as {@code swap}
 * @param what all else that is told of it, in a line
 * @param time in the form of ISO 8601, to the second
 */
public record JournalEvent(String name, long step, String what, String time) {
  /** Events that say how training goes on, of which there are many. */
  private static final Set<String> ROUTINE = Set.of("evaluation", "checkpoint", "swap-prepared");

  /** What stands in columns of its own. */
  private static final Set<String> OWN = Set.of("time", "event", "step", "sites");

  private static final int MOST = 100;

  /** Returns the newest events of a journal but those of routine, the newest first. */
  public static List<JournalEvent> newest(List<Map<String, Object>> journal) {
    List<JournalEvent> events = new ArrayList<>();
    for (int i = journal.size() - 1; i >= 0 && events.size() < MOST; i--) {
      Map<String, Object> event = journal.get(i);
      String name = String.valueOf(event.get("event"));
      if (!ROUTINE.contains(name)) {
        events.add(
            new JournalEvent(
                name,
                (long) Json.number(event, "step", 0),
                details(event),
                String.valueOf(event.get("time")).replaceFirst("\\.\\d+Z$", "Z")));
      }
    }
    return events;
  }

  /** Returns it as the values of a JSON object. */
  Map<String, Object> json() {
    return Map.of("event", name, "step", step, "what", what, "time", time);
  }

  private static String details(Map<String, Object> event) {
    StringJoiner text = new StringJoiner("; ");
    for (Object each : Json.list(event, "sites")) {
      if (each instanceof Map<?, ?> site) {
        text.add(
            site.get("site")
                + ": "
                + (String.valueOf(site.get("from")).equals(String.valueOf(site.get("to")))
                    ? site.get("to")
                    : site.get("from") + " -> " + site.get("to"))
                + (site.get("changes") instanceof List<?> changes && !changes.isEmpty()
                    ? " " + changes
                    : ""));
      }
    }
    event.forEach(
        (name, value) -> {
          boolean empty = value == null || value.equals("") || value.equals(List.of());
          if (!OWN.contains(name) && !empty) {
            text.add(name.replace('_', ' ') + " " + text(value));
          }
        });
    return text.toString();
  }

  private static String text(Object value) {
    if (value instanceof Double number) {
      return String.format(Locale.ROOT, "%.4g", number);
    }
    return value instanceof List<?> list && list.size() > 4
        ? list.size() + " of them"
        : String.valueOf(value);
  }
}
