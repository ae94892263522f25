package dev.hydra.cli.swap;

import dev.hydra.api.Messages;
import dev.hydra.cli.common.Json;
import dev.hydra.composer.spec.SitePath;
import dev.hydra.composer.swap.SwapReport;
import dev.hydra.composer.swap.SwapVerdict;
import dev.hydra.trainer.run.SwapEvent;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/** What became of a swap, for screens and for programs. */
public final class SwapText {
  private static final String CONFIRMED = "confirmed";

  private SwapText() {}

  /** Writes one line for the screen of the training; nothing while there is no result. */
  public static Optional<String> line(SwapReport report) {
    String step = String.format(Locale.ROOT, "step %,d: ", report.step());
    return switch (report.status()) {
      case PREPARED -> Optional.empty();
      case REFUSED -> Optional.of(step + "swap refused: " + report.reason());
      case ROLLED_BACK ->
          Optional.of(step + "swap rolled back (" + report.reason() + "): " + sites(report));
      case SWITCHED ->
          Optional.of(
              String.format(
                      Locale.ROOT,
                      "%sswapped %s, pause %.1f ms",
                      step,
                      sites(report),
                      millis(report))
                  + report.guard().map(guard -> "; on guard for " + words(guard)).orElse(""));
    };
  }

  private static double millis(SwapReport report) {
    return report.pauseNanos() / 1e6;
  }

  private static String sites(SwapReport report) {
    Map<String, List<String>> same = new LinkedHashMap<>();
    for (SwapReport.Site site : report.sites()) {
      same.computeIfAbsent(change(site), key -> new ArrayList<>()).add(site.path().text());
    }
    List<String> parts = new ArrayList<>();
    same.forEach((change, paths) -> parts.add(String.join(", ", paths) + ": " + change));
    return String.join("; ", parts);
  }

  private static String change(SwapReport.Site site) {
    return change(
        site.from().toString(),
        site.to().toString(),
        site.changes().stream().map(Object::toString).toList());
  }

  /** The components, once if they are the same, and the options that differ. */
  private static String change(String from, String to, List<String> options) {
    boolean same = from.equals(to);
    String what = same ? from : from + " -> " + to;
    if (options.isEmpty()) {
      return same ? what + ", built anew" : what;
    }
    return what + ", " + String.join(", ", options);
  }

  private static String words(SwapReport.Guard guard) {
    return words(guard.steps(), guard.time().toMillis() / 1e3);
  }

  private static String words(double steps, double seconds) {
    return Messages.count(Math.round(steps), "step")
        + (seconds > 0 ? String.format(Locale.ROOT, " and at least %,.0f s", seconds) : "");
  }

  /** How a watch over a swap ended, as the last answer to a client. */
  static Map<String, Object> json(SwapVerdict verdict) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("status", verdict.stays() ? CONFIRMED : "rolled_back");
    json.put("step", verdict.step());
    json.put("reason", verdict.reason());
    return json;
  }

  /** An answer to a client. */
  static Map<String, Object> json(SwapReport report) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("status", report.status().name().toLowerCase(Locale.ROOT));
    json.put("step", report.step());
    json.putAll(SwapEvent.of(report).details());
    json.put("carried", report.parameters().carried()); // the journal has their number
    return json;
  }

  /** What stands at each site. */
  static List<Map<String, String>> json(Map<SitePath, SwapReport.Version> sites) {
    return sites.entrySet().stream()
        .map(each -> Map.of("site", each.getKey().text(), "component", each.getValue().toString()))
        .toList();
  }

  /** A refusal as an answer. */
  static Map<String, Object> refused(String reason) {
    return Map.of("status", "refused", "reason", reason);
  }

  /** Says how a watch over a swap ended, for people. */
  public static String verdict(Map<String, ?> answer) {
    return (stays(answer) ? "confirmed" : "rolled back")
        + " after step "
        + answer.get("step")
        + ": "
        + answer.get("reason");
  }

  /** Says whether the watch over a swap ended well. */
  public static boolean stays(Map<String, ?> verdict) {
    return CONFIRMED.equals(verdict.get("status"));
  }

  /** Writes an answer as lines for people. */
  public static List<String> lines(Map<String, ?> answer) {
    List<String> lines = new ArrayList<>();
    String what =
        switch (String.valueOf(answer.get("status"))) {
          case "switched" -> "swapped after step ";
          case "rolled_back" -> "rolled back after step ";
          default -> "can be swapped (nothing was changed), tried after step ";
        };
    lines.add(what + answer.get("step"));
    for (Object each : Json.list(answer, "sites")) {
      Map<?, ?> site = (Map<?, ?>) each;
      List<String> options =
          site.get("changes") instanceof List<?> changes
              ? changes.stream().map(String::valueOf).toList()
              : List.of();
      lines.add(
          "  "
              + site.get("site")
              + ": "
              + change(String.valueOf(site.get("from")), String.valueOf(site.get("to")), options));
    }
    List<String> parameters = new ArrayList<>();
    for (String kind : List.of("carried", "migrated", "initialised", "dropped", "kept")) {
      List<?> names = Json.list(answer, kind);
      if (!names.isEmpty()) {
        boolean named = !kind.equals("carried");
        parameters.add(names.size() + " " + kind + (named ? " " + names : ""));
      }
    }
    if (!parameters.isEmpty()) {
      lines.add("parameters: " + String.join(", ", parameters));
    }
    if (answer.get("sha256") != null) {
      lines.add("SHA-256: " + answer.get("sha256"));
    }
    lines.add(
        String.format(
            Locale.ROOT,
            "pause %.1f ms, in all %.1f ms",
            Json.number(answer, "pause_ms"),
            Json.number(answer, "total_ms")));
    if ("switched".equals(answer.get("status")) && answer.containsKey("guard_steps")) {
      lines.add(
          "on guard for "
              + words(Json.number(answer, "guard_steps"), Json.number(answer, "guard_seconds"))
              + ": it is rolled back if a step fails or the loss jumps; a rollback undoes it as"
              + " long");
    }
    return lines;
  }
}
