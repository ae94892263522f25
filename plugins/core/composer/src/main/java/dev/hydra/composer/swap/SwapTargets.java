package dev.hydra.composer.swap;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigObject;
import com.typesafe.config.ConfigUtil;
import com.typesafe.config.ConfigValue;
import dev.hydra.api.ComponentFactory;
import dev.hydra.api.Names;
import dev.hydra.api.Registration;
import dev.hydra.composer.model.ComponentSlot;
import dev.hydra.composer.model.Components;
import dev.hydra.composer.model.Model;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/** Finds the sites that a request is for, and what is to stand there. */
final class SwapTargets {
  private static final String TYPE = "type";

  private final Model model;
  private final SwapRequest request;

  /** Creates the targets of a request in a model. */
  SwapTargets(Model model, SwapRequest request) {
    this.model = model;
    this.request = request;
  }

  /** Returns the sites, without those below another one. */
  List<ComponentSlot> sites() {
    request.sites().forEach(this::requireSite);
    List<ComponentSlot> named = model.slots().stream().filter(this::named).toList();
    List<ComponentSlot> chosen = new ArrayList<>();
    for (ComponentSlot slot : named) {
      boolean covered = chosen.stream().anyMatch(above -> above.path().contains(slot.path()));
      if (!covered && (request.config().isPresent() || replaces(slot))) {
        chosen.add(slot);
      }
    }
    if (chosen.isEmpty()) {
      throw new SwapRefusedException(
          "there is no site "
              + (request.sites().isEmpty()
                  ? ""
                  : "like " + String.join(", ", request.sites()) + " ")
              + "with a component of type "
              + types()
              + " in the model; there are components of type "
              + named.stream().map(ComponentSlot::type).distinct().toList());
    }
    return chosen;
  }

  private boolean named(ComponentSlot slot) {
    return request.sites().isEmpty()
        || request.sites().stream().anyMatch(glob -> isLike(glob, slot.path().text()));
  }

  /** Refuses a pattern that no site is like, and names those that may be meant. */
  private void requireSite(String glob) {
    List<String> sites = model.slots().stream().map(slot -> slot.path().text()).toList();
    if (sites.stream().noneMatch(site -> isLike(glob, site))) {
      List<String> nearest = sites.stream().map(site -> withStars(site, glob)).distinct().toList();
      throw new SwapRefusedException(
          "there is no site like "
              + glob
              + " in the model"
              + Names.nearest(glob, nearest).map(name -> "; did you mean " + name + "?").orElse(".")
              + " Sites: "
              + sites.stream()
                  .map(site -> site.replaceAll("\\b\\d+\\b", "*"))
                  .distinct()
                  .collect(Collectors.joining(", ")));
    }
  }

  /** The name of a site as a pattern that has stars where another pattern has them. */
  private static String withStars(String site, String glob) {
    String[] parts = site.split("\\.", -1);
    String[] others = glob.split("\\.", -1);
    for (int i = 0; i < Math.min(parts.length, others.length); i++) {
      parts[i] = others[i].equals("*") ? "*" : parts[i];
    }
    return String.join(".", parts);
  }

  private static boolean isLike(String glob, String site) {
    return site.matches("\\Q" + glob.replace("*", "\\E[^.]*\\Q") + "\\E");
  }

  /** Returns the full names of shared parameters that sites use which do not change. */
  Set<String> usedElsewhere(List<ComponentSlot> changing) {
    Set<String> names = new HashSet<>();
    for (ComponentSlot slot : model.slots()) {
      boolean changes = changing.stream().anyMatch(each -> each.path().contains(slot.path()));
      if (!changes) {
        names.addAll(slot.site().shared());
      }
    }
    return names;
  }

  private boolean replaces(ComponentSlot slot) {
    return request.registrations().stream().anyMatch(each -> offers(each, slot));
  }

  private static boolean offers(Registration registration, ComponentSlot slot) {
    return registration.type().equals(slot.type())
        && Components.factory(registration).role() == slot.role();
  }

  private List<String> types() {
    return request.registrations().stream().map(Registration::type).distinct().toList();
  }

  /** Returns the configuration of the component that is to stand at a site. */
  Config config(ComponentSlot slot) {
    Config now = slot.site().config();
    return request.config().map(next -> laidOver(next, now)).orElse(now);
  }

  /** Lays options of one type over others of that type, those of components in them likewise. */
  private static Config laidOver(Config next, Config now) {
    if (next.hasPath(TYPE)
        && now.hasPath(TYPE)
        && !next.getValue(TYPE).equals(now.getValue(TYPE))) {
      return next;
    }
    Config all = next.withFallback(now);
    for (Map.Entry<String, ConfigValue> option : next.root().entrySet()) {
      String key = ConfigUtil.quoteString(option.getKey());
      if (option.getValue() instanceof ConfigObject above
          && now.root().get(option.getKey()) instanceof ConfigObject below) {
        Config nested = laidOver(above.toConfig(), below.toConfig());
        all = all.withValue(key, nested.root());
      }
    }
    return all;
  }

  /**
   * Returns component types for a site: those requested, those that stand there, then all others.
   */
  Components components(ComponentSlot slot) {
    Map<String, Registration> first = new LinkedHashMap<>();
    request.registrations().forEach(each -> add(first, each));
    slot.visit(each -> add(first, each.site().registration()));
    model.context().components().all().forEach(each -> add(first, each));
    List<Registration> all = List.copyOf(first.values());
    return () -> all;
  }

  private static void add(Map<String, Registration> first, Registration registration) {
    ComponentFactory<?> factory = Components.factory(registration);
    first.putIfAbsent(factory.role() + " " + registration.type(), registration);
  }
}
