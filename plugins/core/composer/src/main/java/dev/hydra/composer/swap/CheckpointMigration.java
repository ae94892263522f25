package dev.hydra.composer.swap;

import dev.hydra.api.PluginId;
import dev.hydra.api.Registration;
import dev.hydra.composer.model.ComponentSlot;
import dev.hydra.composer.model.Components;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.ModelFiles;
import dev.hydra.composer.model.Parameter;
import dev.hydra.composer.spec.SitePath;
import dev.hydra.composer.swap.SwapRequest.UnexpectedKeys;
import dev.hydra.libtorch.safetensors.SafetensorsFile;
import dev.hydra.libtorch.safetensors.TensorInfo;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Function;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;

/**
 * Migrates the parameters of a file into a model that has other versions of plugins than the one
 * that was saved, as a swap migrates those of a running model. To be used in the scope in which it
 * was made.
 */
public final class CheckpointMigration implements ParameterMapping {
  private final Model model;
  private final Path file;
  private final Map<SitePath, PluginId> saved;
  private final UnexpectedKeys policy;
  private final boolean same;
  private final Map<SitePath, SiteMigration> migrations = new LinkedHashMap<>();
  private final List<String> carried = new ArrayList<>();
  private final List<String> migrated = new ArrayList<>();
  private final List<String> initialised = new ArrayList<>();
  private final List<String> dropped = new ArrayList<>();
  private final List<String> kept = new ArrayList<>();
  private final List<String> problems = new ArrayList<>();

  private CheckpointMigration(
      Model model, Path file, Map<SitePath, PluginId> saved, UnexpectedKeys policy) {
    this.model = model;
    this.file = file;
    this.saved = saved;
    this.policy = policy;
    this.same = model.slots().stream().noneMatch(this::other);
  }

  /**
   * Restores the parameters.
   *
   * @param saved the plugins that the file was made with, by the paths of sites
   * @param policy what becomes of parameters that another version of a plugin does not ask for
   * @throws IOException if the file is damaged or does not fit, saying how
   */
  public static CheckpointMigration of(
      Model model, Path file, Map<SitePath, PluginId> saved, UnexpectedKeys policy)
      throws IOException {
    CheckpointMigration restoration = new CheckpointMigration(model, file, saved, policy);
    if (restoration.same) {
      ModelFiles.load(model, file);
      model.parameters().all().forEach(each -> restoration.carried.add(each.name()));
      return restoration;
    }
    try (SafetensorsFile tensors = SafetensorsFile.open(file)) {
      restoration.restore(tensors);
    }
    model.parameters().adapters().merge();
    return restoration;
  }

  private void restore(SafetensorsFile tensors) throws IOException {
    Map<String, TensorInfo> left = new TreeMap<>();
    tensors.tensors().forEach(info -> left.put(info.name(), info));
    Map<String, Tensor> values = migrate(tensors, left.keySet());
    List<Parameter> all = List.copyOf(model.parameters().all());
    for (Parameter parameter : all) {
      String name = parameter.name();
      TensorInfo info = left.get(name);
      Tensor value = values.remove(name);
      boolean fits = info != null && info.shape().equals(parameter.spec().shape());
      if (value != null) {
        parameter.load(value);
        migrated.add(name);
      } else if (fits) {
        try (PointerScope scope = new PointerScope()) {
          parameter.load(tensors.read(name));
        }
        left.remove(name);
        carried.add(name);
      } else if (changed(name).isPresent()) {
        initialised.add(name);
      } else {
        problems.add("it lacks " + name);
      }
    }
    for (String name : values.keySet()) {
      problems.add("a migration gives " + name + ", which the component does not ask for");
    }
    for (String name : left.keySet()) {
      leave(name, tensors);
    }
    if (!problems.isEmpty()) {
      throw new IOException(
          file + " does not fit the model: " + String.join("; ", problems) + remedy());
    }
  }

  private String remedy() {
    return policy == UnexpectedKeys.ERROR
        ? ". Use the versions that it was made with, or go on with --policy drop or keep"
        : "";
  }

  /** Finds the migrations, and returns what they make. */
  private Map<String, Tensor> migrate(SafetensorsFile tensors, Set<String> names)
      throws IOException {
    Map<String, Tensor> values = new HashMap<>();
    for (ComponentSlot slot : model.slots()) {
      Registration now = slot.site().registration();
      PluginId before = saved.getOrDefault(slot.path(), now.plugin());
      if (before.equals(now.plugin()) || migrating(slot.path().text())) {
        continue;
      }
      var found = Components.factory(now).migration(now.type(), before.version());
      if (found.isPresent()) {
        Map<String, Tensor> old = new LinkedHashMap<>();
        for (String name : names) {
          if (slot.path().owns(name)) {
            old.put(name, tensors.read(name));
          }
        }
        SiteMigration migration = new SiteMigration(slot.path(), found.get(), old);
        migrations.put(slot.path(), migration);
        values.putAll(migration.values());
      }
    }
    return values;
  }

  /** Says whether a site has another version of its plugin, or another plugin. */
  private boolean other(ComponentSlot slot) {
    PluginId now = slot.site().registration().plugin();
    return !saved.getOrDefault(slot.path(), now).equals(now);
  }

  /** Finds the site with another version of its plugin that a parameter belongs to. */
  private Optional<ComponentSlot> changed(String name) {
    return model.slots().stream().filter(slot -> slot.path().owns(name) && other(slot)).findFirst();
  }

  private boolean migrating(String name) {
    return migrations.keySet().stream().anyMatch(slot -> slot.owns(name));
  }

  private void leave(String name, SafetensorsFile tensors) throws IOException {
    Optional<ComponentSlot> slot = changed(name);
    boolean asked = model.parameters().has(name);
    if (slot.isEmpty()) {
      problems.add("the model has no parameter " + name);
    } else if (policy == UnexpectedKeys.KEEP && !asked) {
      try (PointerScope scope = new PointerScope()) {
        model.parameters().keep(name, tensors.read(name));
      }
      kept.add(name);
    } else if (policy == UnexpectedKeys.DROP || migrating(name)) {
      dropped.add(name);
    } else {
      problems.add(
          SwapReport.Version.of(slot.get().site().registration())
              + " asks for "
              + name
              + (asked ? " in another shape than " : " no more, as did ")
              + saved.get(slot.get().path()));
    }
  }

  /** Says whether the model has the plugins that the file was made with. */
  public boolean same() {
    return same;
  }

  /** Reports what became of the parameters. */
  public SwapReport.Parameters parameters() {
    return new SwapReport.Parameters(carried, migrated, initialised, dropped, kept);
  }

  @Override
  public Map<String, Tensor> rearranged(Function<String, Optional<Tensor>> old) {
    Map<String, Tensor> moved = new LinkedHashMap<>();
    carried.forEach(name -> old.apply(name).ifPresent(value -> moved.put(name, value)));
    migrations.values().forEach(migration -> moved.putAll(migration.rearranged(old)));
    return moved;
  }

  @Override
  public Set<String> origins(String name) {
    return SiteMigration.origins(migrations.values().stream(), name);
  }
}
