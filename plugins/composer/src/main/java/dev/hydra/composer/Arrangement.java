package dev.hydra.composer;

import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** All parameters of a model after a swap, in the order in which a new model would make them. */
final class Arrangement {
  private final Model model;
  private final Map<String, Parameter> asked;
  private final List<ComponentSite> changing;
  private final Collection<ComponentSite> migrating;
  private final SwapRequest.Vanished policy;
  private final Map<String, Parameter> next = new LinkedHashMap<>();
  private final List<String> kept = new ArrayList<>();
  private final List<String> dropped = new ArrayList<>();

  /**
   * Arranges.
   *
   * @param asked what the new components ask for
   * @param changing the sites where they are to stand
   * @param migrating those of the sites whose parameters go into a migration
   * @throws SwapRefusedException if parameters vanish and must not
   */
  Arrangement(
      Model model,
      Map<String, Parameter> asked,
      List<ComponentSite> changing,
      Collection<ComponentSite> migrating,
      SwapRequest request) {
    this.model = model;
    this.asked = asked;
    this.changing = changing;
    this.migrating = migrating;
    this.policy = request.vanished();
    Collection<Parameter> before = model.parameters().byName().values();
    List<Parameter> left = new ArrayList<>();
    for (Parameter parameter : before) {
      Optional<ComponentSite> owner = owner(changing, parameter.name());
      owner.ifPresent(this::putAsked);
      Parameter same = asked.get(parameter.name());
      if (same != null) {
        next.putIfAbsent(same.name(), same);
      } else if (owner.isPresent() || unshared(parameter.name())) {
        left.add(parameter);
      } else {
        next.put(parameter.name(), parameter);
      }
    }
    asked.forEach(next::putIfAbsent);
    left.forEach(this::leave);
  }

  private static Optional<ComponentSite> owner(Collection<ComponentSite> sites, String name) {
    return sites.stream().filter(site -> name.startsWith(site.path() + ".")).findFirst();
  }

  /** Where the first parameter of a site stood, all that are asked for there. */
  private void putAsked(ComponentSite site) {
    asked.forEach(
        (name, parameter) -> {
          if (name.startsWith(site.path() + ".")) {
            next.putIfAbsent(name, parameter);
          }
        });
  }

  private void leave(Parameter parameter) {
    String name = parameter.name();
    boolean moved = owner(migrating, name).isPresent();
    if (policy == SwapRequest.Vanished.KEEP
        || (parameter.unused() && policy == SwapRequest.Vanished.ERROR)) {
      kept.add(name);
      next.put(name, parameter.left());
    } else if (policy == SwapRequest.Vanished.DROP || moved) {
      dropped.add(name);
    } else {
      throw new SwapRefusedException(
          "the new component does not ask for parameter "
              + name
              + "; say whether such parameters are to be dropped or kept");
    }
  }

  /** Whether a parameter was shared by sites that all change, so that none uses it any more. */
  private boolean unshared(String name) {
    if (!name.startsWith(Occupant.SHARED)) {
      return false;
    }
    Set<String> others = new HashSet<>();
    for (ComponentSite site : model.sites()) {
      if (owner(changing, site.path() + ".").isEmpty()) {
        others.addAll(site.occupant().shared());
      }
    }
    return !others.contains(name);
  }

  /** The parameters by name. */
  Map<String, Parameter> parameters() {
    return next;
  }

  /** The names of those that stay without use. */
  List<String> kept() {
    return kept;
  }

  /** The names of those that are gone. */
  List<String> dropped() {
    return dropped;
  }
}
