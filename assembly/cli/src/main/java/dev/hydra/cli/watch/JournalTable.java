package dev.hydra.cli.watch;

import dev.hydra.cli.page.Table;
import dev.hydra.cli.swap.JournalEvent;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** The table of what a run's journal tells of changes, the newest first. */
final class JournalTable {
  private JournalTable() {}

  static Table of(String title, List<Map<String, Object>> journal) {
    return new Table(
        title,
        "evaluations and checkpoints left out",
        List.of("event", "step", "what", "time"),
        JournalEvent.newest(journal).stream()
            .map(
                event ->
                    List.of(
                        event.name(),
                        String.format(Locale.ROOT, "%,d", event.step()),
                        event.what(),
                        event.time()))
            .toList());
  }
}
