package dev.hydra.trainer.run;

import dev.hydra.composer.swap.SwapReport;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The journal's event for a swap.
 *
 * @param name the event
 * @param details numbers and texts by their names
 */
public record SwapEvent(String name, Map<String, Object> details) {
  /** Returns the event for a report. */
  public static SwapEvent of(SwapReport report) {
    String name =
        switch (report.status()) {
          case PREPARED -> "swap-prepared";
          case SWITCHED -> "swap";
          case REFUSED -> "swap-refused";
          case ROLLED_BACK -> "rollback";
        };
    SwapReport.Parameters parameters = report.parameters();
    Map<String, Object> details = new LinkedHashMap<>();
    details.put("request", report.request());
    details.put("sites", report.sites().stream().map(SwapEvent::site).toList());
    details.put("reason", report.reason());
    details.put("carried", parameters.carried().size());
    details.put("migrated", parameters.migrated());
    details.put("initialised", parameters.initialised());
    details.put("dropped", parameters.dropped());
    details.put("kept", parameters.kept());
    details.put("pause_ms", report.pauseNanos() / 1e6);
    details.put("total_ms", report.totalNanos() / 1e6);
    report
        .guard()
        .ifPresent(
            guard -> {
              details.put("guard_steps", guard.steps());
              details.put("guard_seconds", guard.time().toMillis() / 1e3);
            });
    return new SwapEvent(name, details);
  }

  private static Map<String, Object> site(SwapReport.Site site) {
    Map<String, Object> line = new LinkedHashMap<>();
    line.put("site", site.path().text());
    line.put("from", site.from().toString());
    line.put("to", site.to().toString());
    line.put("changes", site.changes().stream().map(Object::toString).toList());
    return line;
  }
}
