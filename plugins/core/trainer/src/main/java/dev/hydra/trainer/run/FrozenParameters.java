package dev.hydra.trainer.run;

import dev.hydra.optim.Glob;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;

/**
 * Which parameters are frozen, by patterns over their names: of those that match, the last one
 * decides.
 *
 * @param rules the patterns, in order
 */
public record FrozenParameters(List<Rule> rules) implements Predicate<String> {
  /** No parameter. */
  static final FrozenParameters NONE = new FrozenParameters(List.of());

  /**
   * A pattern.
   *
   * @param glob over the names of parameters
   * @param frozen whether it freezes, or thaws
   */
  public record Rule(Glob glob, boolean frozen) {
    boolean matches(String name) {
      return glob.matches(name);
    }
  }

  /** Returns these, then those that a stage freezes and thaws. */
  FrozenParameters and(StageSettings stage) {
    List<Rule> all = new ArrayList<>(rules);
    stage.freeze().forEach(glob -> all.add(new Rule(new Glob(glob), true)));
    stage.thaw().forEach(glob -> all.add(new Rule(new Glob(glob), false)));
    return new FrozenParameters(List.copyOf(all));
  }

  @Override
  public boolean test(String name) {
    boolean frozen = false;
    for (Rule rule : rules) {
      frozen = rule.matches(name) ? rule.frozen() : frozen;
    }
    return frozen;
  }
}
