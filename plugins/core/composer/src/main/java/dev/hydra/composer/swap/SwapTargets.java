package dev.hydra.composer.swap;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigObject;
import com.typesafe.config.ConfigUtil;
import com.typesafe.config.ConfigValue;
import dev.hydra.api.ComponentFactory;
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
import java.util.regex.Pattern;

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
    List<Pattern> patterns = request.sites().stream().map(SwapTargets::pattern).toList();
    List<ComponentSlot> chosen = new ArrayList<>();
    for (ComponentSlot slot : model.slots()) {
      boolean named =
          patterns.stream().anyMatch(each -> each.matcher(slot.path().text()).matches());
      boolean covered = chosen.stream().anyMatch(above -> above.path().contains(slot.path()));
      if (!covered
          && (named || patterns.isEmpty())
          && (request.config().isPresent() || replaces(slot))) {
        chosen.add(slot);
      }
    }
    if (chosen.isEmpty()) {
      throw new SwapRefusedException(
          "there is no site "
              + (patterns.isEmpty() ? "" : "like " + String.join(", ", request.sites()) + " ")
              + (request.config().isPresent() ? "" : "with a component of type " + types() + " ")
              + "in the model");
    }
    return chosen;
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

  private static Pattern pattern(String glob) {
    return Pattern.compile("\\Q" + glob.replace("*", "\\E[^.]*\\Q") + "\\E");
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
