package dev.hydra.composer.swap;

import dev.hydra.composer.model.ComponentSite;
import dev.hydra.composer.model.ComponentSlot;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.ModelRevision;
import dev.hydra.composer.model.Parameter;
import dev.hydra.composer.model.ParameterSource;
import dev.hydra.composer.model.SiteContext;
import dev.hydra.composer.spec.ModelSpec;
import dev.hydra.composer.spec.SpecConfig;
import dev.hydra.libtorch.autograd.Grad;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * The components that a request asks for, built beside the running model on its own parameters.
 * Closing frees the parameters that were made for it: only where they are not put in place.
 */
final class Candidate implements SwapHost.Change, AutoCloseable {
  /** A slot, the candidate's slot for it, and the migration from the one to the other. */
  private record Target(
      ComponentSlot slot, ComponentSlot fresh, Optional<SiteMigration> migration) {}

  private final Model model;
  private final Map<String, Parameter> before;
  private final CandidateParameters parameters;
  private final List<Target> targets = new ArrayList<>();
  private final ParameterPlan plan;
  private final ModelRevision revision;
  private final SwapReport report;

  /**
   * Builds and probes the candidate; to be called on a thread that may hang.
   *
   * @param room the bytes that new parameters may take
   * @param givenUp whether nobody waits for it any more
   * @throws SwapRefusedException saying why the request cannot be met
   */
  Candidate(Model model, SwapRequest request, long room, BooleanSupplier givenUp) {
    this.model = model;
    this.before = model.parameters().byName();
    SwapTargets chosen = new SwapTargets(model, request);
    List<ComponentSlot> sites = chosen.sites();
    Set<String> usedElsewhere = chosen.usedElsewhere(sites);
    try (PointerScope scope = new PointerScope()) {
      Map<ComponentSlot, SiteMigration> migrations = new HashMap<>();
      Set<String> migrated = new HashSet<>();
      for (ComponentSlot slot : sites) {
        SiteMigration.find(slot, chosen, before)
            .ifPresent(
                migration -> {
                  migrations.put(slot, migration);
                  migrated.addAll(migration.tried());
                });
      }
      parameters =
          new CandidateParameters(model.parameters(), migrated, usedElsewhere, room, givenUp);
      try {
        for (ComponentSlot slot : sites) {
          tryOut(slot, chosen, migrations.get(slot));
        }
        parameters.complete();
        checkMigrated(migrated);
        plan =
            new ParameterPlan(
                before, parameters.asked(), sites, migrations.keySet(), usedElsewhere, request);
        for (ComponentSlot slot : sites) {
          targets.add(
              new Target(
                  slot,
                  build(slot, chosen, parameters),
                  Optional.ofNullable(migrations.get(slot))));
        }
        revision = compose(request);
        report = describe(request);
      } catch (RuntimeException | Error e) {
        parameters.close();
        throw e;
      }
    }
  }

  /** Builds a component on copies of all parameters, and probes it: nothing of the run changes. */
  private void tryOut(ComponentSlot slot, SwapTargets chosen, @Nullable SiteMigration migration) {
    int known = parameters.made().size();
    try (ProbeParameters copies = new ProbeParameters(parameters)) {
      ComponentSlot trial = build(slot, chosen, copies);
      parameters.checkWanted();
      transfer(
          parameters.made().values().stream().skip(known).toList(),
          migration == null ? List.of() : List.of(migration));
      copies.refresh();
      new Probe(model, trial, copies).run();
      parameters.checkWanted();
    }
  }

  private ComponentSlot build(ComponentSlot slot, SwapTargets chosen, ParameterSource from) {
    SiteContext context = new SiteContext(chosen.components(slot), from, model.context().depth());
    return slot.copy(context, chosen.config(slot));
  }

  private void checkMigrated(Set<String> migrated) {
    for (String name : migrated) {
      if (!parameters.made().containsKey(name)) {
        throw new SwapRefusedException(
            "the migration gives " + name + ", which the component does not ask for");
      }
    }
  }

  private ModelRevision compose(SwapRequest request) {
    Map<ComponentSlot, ComponentSite> sites = new LinkedHashMap<>();
    ModelSpec spec = model.spec();
    for (Target target : targets) {
      sites.put(target.slot(), target.fresh().site());
    }
    if (request.config().isPresent()) {
      for (Target target : targets) {
        spec = SpecConfig.with(spec, target.slot().path(), target.fresh().site().config());
      }
    }
    return new ModelRevision(sites, plan.parameters(), spec);
  }

  /** Gives the new parameters the values that follow from old ones, as these are now. */
  void transfer() {
    transfer(
        parameters.made().values(),
        targets.stream().flatMap(target -> target.migration().stream()).toList());
  }

  private void transfer(Collection<Parameter> made, List<SiteMigration> migrations) {
    try (PointerScope scope = new PointerScope();
        Grad off = Grad.off()) {
      Map<String, Tensor> values = new HashMap<>();
      migrations.forEach(migration -> values.putAll(migration.values()));
      for (Parameter each : made) {
        Tensor value = values.get(each.name());
        Parameter old = before.get(each.name());
        if (value != null) {
          each.load(value);
        } else if (old != null && old.spec().shape().equals(each.spec().shape())) {
          each.load(old.master().detach());
        }
      }
    }
  }

  /** Returns the revision to be put in place. */
  ModelRevision revision() {
    return revision;
  }

  /** Says whether the model is still the one that this was built for. */
  boolean current() {
    return model.parameters().byName() == before;
  }

  @Override
  public boolean parametersChange() {
    return !List.copyOf(before.values()).equals(List.copyOf(revision.parameters().values()));
  }

  @Override
  public Map<String, Parameter> made() {
    return parameters.made();
  }

  @Override
  public Map<String, Tensor> rearranged(Function<String, Optional<Tensor>> old) {
    Map<String, Tensor> moved = new LinkedHashMap<>();
    for (Parameter each : parameters.made().values()) {
      Parameter same = before.get(each.name());
      if (same != null && same.spec().shape().equals(each.spec().shape())) {
        old.apply(each.name()).ifPresent(value -> moved.put(each.name(), value));
      }
    }
    for (Target target : targets) {
      target.migration().ifPresent(migration -> moved.putAll(migration.rearranged(old)));
    }
    return moved;
  }

  @Override
  public Set<String> origins(String name) {
    return SiteMigration.origins(
        targets.stream().flatMap(target -> target.migration().stream()), name);
  }

  /** Returns the new components, at their sites. */
  List<ComponentSlot> components() {
    return targets.stream().map(Target::fresh).toList();
  }

  /** Returns the report of what the swap will do. */
  SwapReport report() {
    return report;
  }

  private SwapReport describe(SwapRequest request) {
    List<SwapReport.Site> sites = new ArrayList<>();
    for (Target target : targets) {
      sites.add(
          new SwapReport.Site(
              target.slot().path(),
              SwapReport.Version.of(target.slot().site().registration()),
              SwapReport.Version.of(target.fresh().site().registration()),
              OptionChanges.between(target.slot().site(), target.fresh().site())));
    }
    return new SwapReport(
        request.describe(),
        SwapReport.Status.PREPARED,
        "",
        0,
        sites,
        names(),
        0,
        0,
        Optional.empty());
  }

  private SwapReport.Parameters names() {
    Set<String> migrated = new HashSet<>();
    targets.forEach(
        target -> target.migration().ifPresent(migration -> migrated.addAll(migration.names())));
    List<String> carried = new ArrayList<>();
    List<String> moved = new ArrayList<>();
    List<String> initialised = new ArrayList<>();
    for (Parameter each : parameters.asked().values()) {
      Parameter old = before.get(each.name());
      if (migrated.contains(each.name())) {
        moved.add(each.name());
      } else if (old != null && old.spec().shape().equals(each.spec().shape())) {
        carried.add(each.name());
      } else {
        initialised.add(each.name());
      }
    }
    return new SwapReport.Parameters(carried, moved, initialised, plan.dropped(), plan.kept());
  }

  @Override
  public void close() {
    parameters.close();
  }
}
