package dev.hydra.composer.swap;

import dev.hydra.composer.model.ComponentSlot;
import dev.hydra.composer.model.Parameter;
import dev.hydra.composer.spec.SitePath;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** The parameters of a model after a swap, in the order in which a new model would make them. */
final class ParameterPlan {
  private final Map<String, Parameter> asked;
  private final Collection<ComponentSlot> migrating;
  private final Set<String> usedElsewhere;
  private final SwapRequest.UnexpectedKeys policy;
  private final Map<String, Parameter> next = new LinkedHashMap<>();
  private final List<String> kept = new ArrayList<>();
  private final List<String> dropped = new ArrayList<>();

  /**
   * Plans the parameters.
   *
   * @param before the parameters that the model has
   * @param asked what the new components ask for
   * @param changing the sites where they are to stand
   * @param migrating those of the sites whose parameters go into a migration
   * @param usedElsewhere full names of shared parameters that other sites use too
   * @throws SwapRefusedException if there are unexpected keys and the request does not allow them
   */
  ParameterPlan(
      Map<String, Parameter> before,
      Map<String, Parameter> asked,
      List<ComponentSlot> changing,
      Collection<ComponentSlot> migrating,
      Set<String> usedElsewhere,
      SwapRequest request) {
    this.asked = asked;
    this.migrating = migrating;
    this.usedElsewhere = usedElsewhere;
    this.policy = request.unexpectedKeys();
    List<Parameter> left = new ArrayList<>();
    for (Parameter parameter : before.values()) {
      Optional<ComponentSlot> owner = owner(changing, parameter.name());
      owner.ifPresent(this::putAsked);
      Parameter same = asked.get(parameter.name());
      if (same != null) {
        checkShape(parameter, same);
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

  private static Optional<ComponentSlot> owner(Collection<ComponentSlot> sites, String name) {
    return sites.stream().filter(slot -> slot.path().owns(name)).findFirst();
  }

  /** Puts all that are asked for at a site where the first parameter of the site stood. */
  private void putAsked(ComponentSlot slot) {
    asked.forEach(
        (name, parameter) -> {
          if (slot.path().owns(name)) {
            next.putIfAbsent(name, parameter);
          }
        });
  }

  private void leave(Parameter parameter) {
    String name = parameter.name();
    boolean moved = owner(migrating, name).isPresent();
    if (policy == SwapRequest.UnexpectedKeys.KEEP
        || (parameter.unused() && policy == SwapRequest.UnexpectedKeys.ERROR)) {
      kept.add(name);
      next.put(name, parameter.left());
    } else if (policy == SwapRequest.UnexpectedKeys.DROP || moved) {
      dropped.add(name);
    } else {
      throw new SwapRefusedException(
          "the new component does not ask for parameter "
              + name
              + "; with policy drop such parameters go, with policy keep they stay in checkpoints"
              + " without use");
    }
  }

  /** Refuses another shape, unless what there was may be dropped: the parameter begins anew. */
  private void checkShape(Parameter old, Parameter same) {
    if (old.spec().shape().equals(same.spec().shape())
        || owner(migrating, old.name()).isPresent()) {
      return;
    }
    if (policy != SwapRequest.UnexpectedKeys.DROP) {
      throw new SwapRefusedException(
          "parameter "
              + old.name()
              + " has shape "
              + old.spec().shape()
              + ", and the new component asks for "
              + same.spec().shape()
              + "; with policy drop it begins anew");
    }
    dropped.add(old.name());
  }

  /**
   * Says whether a parameter was shared by sites that all change, so that none uses it any more.
   */
  private boolean unshared(String name) {
    return SitePath.SHARED.owns(name) && !usedElsewhere.contains(name);
  }

  /** Returns the parameters by name. */
  Map<String, Parameter> parameters() {
    return next;
  }

  /** Returns the names of those that stay without use. */
  List<String> kept() {
    return kept;
  }

  /** Returns the names of those that are dropped. */
  List<String> dropped() {
    return dropped;
  }
}
