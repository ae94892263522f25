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
import java.util.function.Consumer;
import java.util.function.Function;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;

/**
 * The components that a request asks for, built beside the running model on its own parameters.
 * Closing frees the parameters that were made for it: only where they are not put in place.
 */
final class Candidate implements SwapHost.Change, AutoCloseable {
  /** A site, what is to stand there, and how it takes over. */
  private record Target(
      ComponentSlot site, ComponentSlot fresh, Optional<SiteMigration> takeover) {}

  private final Model model;
  private final Map<String, Parameter> before;
  private final CandidateParameters parameters;
  private final List<Target> targets = new ArrayList<>();
  private final ParameterPlan arrangement;
  private final ModelRevision composition;
  private final SwapReport report;

  /**
   * Builds and probes; to be called on a thread that may hang.
   *
   * @param room the bytes that new parameters may take
   * @param givenUp whether nobody waits for it any more
   * @param probed is given every component, on copies of all parameters, when it has been probed
   * @throws SwapRefusedException saying why the request cannot be met
   */
  Candidate(
      Model model,
      SwapRequest request,
      long room,
      BooleanSupplier givenUp,
      Consumer<ComponentSlot> probed) {
    this.model = model;
    this.before = model.parameters().byName();
    SwapTargets chosen = new SwapTargets(model, request);
    List<ComponentSlot> sites = chosen.sites();
    Set<String> usedElsewhere = chosen.usedElsewhere(sites);
    try (PointerScope scope = new PointerScope()) {
      Map<ComponentSlot, SiteMigration> takeovers = new HashMap<>();
      Set<String> migrated = new HashSet<>();
      for (ComponentSlot site : sites) {
        SiteMigration.find(site, chosen, before)
            .ifPresent(
                takeover -> {
                  takeovers.put(site, takeover);
                  migrated.addAll(takeover.tried());
                });
      }
      parameters =
          new CandidateParameters(model.parameters(), migrated, usedElsewhere, room, givenUp);
      try {
        for (ComponentSlot site : sites) {
          tryOut(site, chosen, Optional.ofNullable(takeovers.get(site)), probed);
        }
        parameters.complete();
        checkMigrated(migrated);
        arrangement =
            new ParameterPlan(
                before, parameters.asked(), sites, takeovers.keySet(), usedElsewhere, request);
        for (ComponentSlot site : sites) {
          targets.add(
              new Target(
                  site, build(site, chosen, parameters), Optional.ofNullable(takeovers.get(site))));
        }
        composition = compose(request);
        report = describe(request);
      } catch (RuntimeException | Error e) {
        parameters.close();
        throw e;
      }
    }
  }

  /** Builds a component on copies of all parameters, and probes it: nothing of the run changes. */
  private void tryOut(
      ComponentSlot site,
      SwapTargets chosen,
      Optional<SiteMigration> takeover,
      Consumer<ComponentSlot> probed) {
    int known = parameters.made().size();
    try (ProbeParameters copies = new ProbeParameters(parameters)) {
      ComponentSlot trial = build(site, chosen, copies);
      parameters.checkWanted();
      transfer(
          parameters.made().values().stream().skip(known).toList(), takeover.stream().toList());
      copies.refresh();
      new Probe(model, trial, copies).run();
      probed.accept(trial);
      parameters.checkWanted();
    }
  }

  private ComponentSlot build(ComponentSlot site, SwapTargets chosen, ParameterSource from) {
    SiteContext context = new SiteContext(chosen.components(site), from, model.context().depth());
    return site.copy(context, chosen.config(site));
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
    Map<ComponentSlot, ComponentSite> occupants = new LinkedHashMap<>();
    ModelSpec spec = model.spec();
    for (Target target : targets) {
      occupants.put(target.site(), target.fresh().occupant());
    }
    if (request.config().isPresent()) {
      for (Target target : targets) {
        spec = SpecConfig.with(spec, target.site().path(), target.fresh().occupant().config());
      }
    }
    return new ModelRevision(occupants, arrangement.parameters(), spec);
  }

  /** Gives the new parameters the values that follow from old ones, as these are now. */
  void transfer() {
    transfer(
        parameters.made().values(),
        targets.stream().flatMap(target -> target.takeover().stream()).toList());
  }

  private void transfer(Collection<Parameter> made, List<SiteMigration> takeovers) {
    try (PointerScope scope = new PointerScope();
        Grad off = Grad.off()) {
      Map<String, Tensor> values = new HashMap<>();
      takeovers.forEach(takeover -> values.putAll(takeover.values()));
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

  /** What is to be put in place. */
  ModelRevision composition() {
    return composition;
  }

  /** Whether the model is still the one that this was built for. */
  boolean current() {
    return model.parameters().byName() == before;
  }

  @Override
  public boolean parametersChange() {
    return !List.copyOf(before.values()).equals(List.copyOf(composition.parameters().values()));
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
      target.takeover().ifPresent(takeover -> moved.putAll(takeover.rearranged(old)));
    }
    return moved;
  }

  @Override
  public Set<String> origins(String name) {
    return SiteMigration.origins(
        targets.stream().flatMap(target -> target.takeover().stream()), name);
  }

  /** The new components, at their sites. */
  List<ComponentSlot> components() {
    return targets.stream().map(Target::fresh).toList();
  }

  /** What it does, before it is done. */
  SwapReport report() {
    return report;
  }

  private SwapReport describe(SwapRequest request) {
    List<SwapReport.Site> sites = new ArrayList<>();
    for (Target target : targets) {
      sites.add(
          new SwapReport.Site(
              target.site().path(),
              SwapReport.Version.of(target.site().occupant().registration()),
              SwapReport.Version.of(target.fresh().occupant().registration())));
    }
    return new SwapReport(
        request.describe(), SwapReport.Status.PREPARED, "", 0, sites, names(), 0, 0);
  }

  private SwapReport.Parameters names() {
    Set<String> migrated = new HashSet<>();
    targets.forEach(
        target -> target.takeover().ifPresent(takeover -> migrated.addAll(takeover.names())));
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
    return new SwapReport.Parameters(
        carried, moved, initialised, arrangement.dropped(), arrangement.kept());
  }

  @Override
  public void close() {
    parameters.close();
  }
}
