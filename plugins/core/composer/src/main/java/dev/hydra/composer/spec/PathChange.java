package dev.hydra.composer.spec;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A path that one model has and another has not, or has otherwise.
 *
 * @param site the site of its component, such as {@code blocks.3.ffn}
 * @param kind what becomes of it
 */
public record PathChange(SitePath site, Kind kind) {
  /** What becomes of a path. */
  public enum Kind {
    /** It is new, or of another role than the one of its name. */
    ADDED,
    /** It is gone. */
    REMOVED,
    /** Its component, its gate or its scales are others. */
    CHANGED
  }

  /** Lists what becomes of the paths of a model, in the order of their sites. */
  public static List<PathChange> between(ModelSpec before, ModelSpec next) {
    Map<SitePath, PathSpec> old = paths(before);
    Map<SitePath, PathSpec> all = paths(next);
    List<PathChange> changes = new ArrayList<>();
    all.forEach(
        (site, path) -> {
          PathSpec was = old.get(site);
          if (was == null || was.role() != path.role()) {
            changes.add(new PathChange(site, Kind.ADDED));
          } else if (!was.sameAs(path)) {
            changes.add(new PathChange(site, Kind.CHANGED));
          }
        });
    old.keySet().stream()
        .filter(site -> !all.containsKey(site))
        .forEach(site -> changes.add(new PathChange(site, Kind.REMOVED)));
    return changes;
  }

  private static Map<SitePath, PathSpec> paths(ModelSpec spec) {
    Map<SitePath, PathSpec> all = new LinkedHashMap<>();
    for (int i = 0; i < spec.blocks().size(); i++) {
      for (PathSpec path : spec.blocks().get(i).paths()) {
        all.put(SitePath.block(i).child(path.name()), path);
      }
    }
    return all;
  }
}
