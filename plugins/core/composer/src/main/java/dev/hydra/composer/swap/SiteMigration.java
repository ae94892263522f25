package dev.hydra.composer.swap;

import dev.hydra.api.Migration;
import dev.hydra.api.Registration;
import dev.hydra.composer.model.ComponentSlot;
import dev.hydra.composer.model.Components;
import dev.hydra.composer.model.Parameter;
import dev.hydra.composer.spec.SitePath;
import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.stream.Stream;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/** A {@link Migration} at one site, with full names. */
final class SiteMigration {
  private final SitePath slot;
  private final Migration migration;
  private final Map<String, Tensor> old;
  private final Set<String> names = new TreeSet<>();

  /**
   * Creates the migration of a site.
   *
   * @param old all parameters below the site by their full names; read whenever values are asked
   *     for
   */
  SiteMigration(SitePath slot, Migration migration, Map<String, Tensor> old) {
    this.slot = slot;
    this.migration = migration;
    this.old = old;
  }

  /**
   * Finds the migration of a site, if the component that is to stand there has one from the one
   * that does.
   */
  static Optional<SiteMigration> find(
      ComponentSlot slot, SwapTargets targets, Map<String, Parameter> all) {
    Registration now = slot.site().registration();
    Registration next =
        targets.components(slot).require(slot.role(), targets.config(slot), slot.path().text());
    return Components.factory(next)
        .migration(now.type(), now.plugin().version())
        .map(migration -> new SiteMigration(slot.path(), migration, masters(slot, all)));
  }

  private static Map<String, Tensor> masters(ComponentSlot slot, Map<String, Parameter> all) {
    Map<String, Tensor> masters = new LinkedHashMap<>();
    for (Parameter each : all.values()) {
      if (slot.path().owns(each.name()) && !each.unused()) {
        masters.put(each.name(), each.master());
      }
    }
    return masters;
  }

  /**
   * Tries the migration on copies: what it changes is not the run's.
   *
   * @return the full names that it gives values for
   * @throws SwapRefusedException if it changes what it is given
   */
  Set<String> tried() {
    try (PointerScope scope = new PointerScope();
        Grad off = Grad.off()) {
      Map<String, Tensor> copies = new LinkedHashMap<>();
      old.forEach((name, value) -> copies.put(name, value.clone()));
      Map<String, Long> versions = new LinkedHashMap<>();
      copies.forEach((name, copy) -> versions.put(name, copy._version()));
      Set<String> given = Set.copyOf(migrate(copies).keySet());
      copies.forEach(
          (name, copy) -> {
            if (!Objects.equals(versions.get(name), copy._version())) {
              throw new SwapRefusedException("the migration changes parameter " + name);
            }
          });
      return given;
    }
  }

  /** Computes new values by full name, from the old ones as they are now. */
  Map<String, Tensor> values() {
    Map<String, Tensor> inputs = new LinkedHashMap<>();
    old.forEach((name, value) -> inputs.put(name, value.detach()));
    Map<String, Tensor> values = migrate(inputs);
    names.addAll(values.keySet());
    return values;
  }

  /** Returns the full names that it has given values for. */
  Set<String> names() {
    return names;
  }

  /** Returns the full names of what a parameter was made from, by one of these or by none. */
  static Set<String> origins(Stream<SiteMigration> migrations, String name) {
    return migrations
        .filter(migration -> migration.names().contains(name))
        .findFirst()
        .map(migration -> migration.old.keySet())
        .orElse(Set.of(name));
  }

  /**
   * Rearranges another quantity, if it follows by the same function; zeros where a parameter does
   * not have it, or not one for each of its elements.
   */
  Map<String, Tensor> rearranged(Function<String, Optional<Tensor>> quantity) {
    if (!migration.rearranges()) {
      return Map.of();
    }
    Map<String, Tensor> inputs = new LinkedHashMap<>();
    old.forEach(
        (name, value) ->
            inputs.put(
                name,
                quantity
                    .apply(name)
                    .filter(each -> Arrays.equals(Tensors.sizes(each), Tensors.sizes(value)))
                    .orElseGet(() -> torch.zeros_like(value))));
    return migrate(inputs);
  }

  private Map<String, Tensor> migrate(Map<String, Tensor> inputs) {
    Map<String, Tensor> below = new LinkedHashMap<>();
    inputs.forEach((name, value) -> below.put(slot.localName(name), value));
    Map<String, Tensor> values = new LinkedHashMap<>();
    migration.migrate(below).forEach((name, value) -> values.put(slot.fullName(name), value));
    return values;
  }
}
