package dev.hydra.trainer.run;

import dev.hydra.composer.spec.PathChange;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.StringJoiner;

/**
 * What becomes another when a stage begins.
 *
 * @param name the stage
 * @param step the steps before it
 * @param until the step that it ends with
 * @param changes the paths that come, go and change
 * @param parameters how many parameters the model has now
 * @param initialised how many of them are new
 * @param dropped how many are gone
 * @param frozen how many are not trained
 * @param growIn steps in which what is new grows in; 0 if it does not
 * @param sequenceLength the tokens of a training sequence
 * @param tokensPerStep the tokens of a step
 */
public record StageReport(
    String name,
    long step,
    long until,
    List<PathChange> changes,
    long parameters,
    long initialised,
    long dropped,
    long frozen,
    int growIn,
    int sequenceLength,
    long tokensPerStep) {
  /** Says it in a line. */
  public String text() {
    StringJoiner parts = new StringJoiner("; ", "stage " + name + " from step " + step + ": ", "");
    for (PathChange.Kind kind : PathChange.Kind.values()) {
      String sites = sites(kind);
      if (!sites.isEmpty()) {
        parts.add(verb(kind) + " " + sites);
      }
    }
    long carried = parameters - initialised;
    parts.add(
        initialised == 0 || initialised == parameters
            ? count(parameters) + " parameters"
            : count(initialised)
                + " parameters new, "
                + count(carried)
                + " carried over"
                + (growIn > 0 ? ", grows in over " + growIn + " steps" : ""));
    if (dropped > 0) {
      parts.add(count(dropped) + " dropped");
    }
    if (frozen > 0) {
      parts.add(count(frozen) + " frozen");
    }
    parts.add(String.format(Locale.ROOT, "sequences of %,d tokens", sequenceLength));
    return parts.toString();
  }

  /** Returns the details of the journal's event. */
  Map<String, Object> details() {
    Map<String, Object> details = new LinkedHashMap<>();
    details.put("stage", name);
    details.put("until", until);
    for (PathChange.Kind kind : PathChange.Kind.values()) {
      details.put(kind.name().toLowerCase(Locale.ROOT), texts(kind));
    }
    details.put("parameters", parameters);
    details.put("initialised", initialised);
    details.put("dropped", dropped);
    details.put("frozen", frozen);
    details.put("grow_in", growIn);
    details.put("sequence_length", sequenceLength);
    details.put("tokens_per_step", tokensPerStep);
    return details;
  }

  private List<String> texts(PathChange.Kind kind) {
    return changes.stream()
        .filter(change -> change.kind() == kind)
        .map(change -> change.site().text())
        .toList();
  }

  /** Names paths with the blocks that have them, such as {@code ffn (blocks 0, 2)}. */
  private String sites(PathChange.Kind kind) {
    Map<String, StringJoiner> blocks = new LinkedHashMap<>();
    for (String site : texts(kind)) {
      String[] names = site.split("\\.", 3);
      blocks.computeIfAbsent(names[2], path -> new StringJoiner(", ")).add(names[1]);
    }
    StringJoiner all = new StringJoiner(", ");
    blocks.forEach((path, where) -> all.add(path + " (blocks " + where + ")"));
    return all.toString();
  }

  private static String verb(PathChange.Kind kind) {
    return switch (kind) {
      case ADDED -> "adds";
      case REMOVED -> "removes";
      case CHANGED -> "changes";
    };
  }

  private static String count(long parameters) {
    if (parameters < 1_000_000) {
      return String.format(Locale.ROOT, "%,d", parameters);
    }
    return String.format(Locale.ROOT, "%.1f M", parameters / 1e6);
  }
}
