package dev.hydra.composer.swap;

import dev.hydra.api.Registration;
import dev.hydra.composer.model.ComponentSlot;
import dev.hydra.composer.model.Components;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.ModelStructure;
import dev.hydra.composer.model.Parameter;
import dev.hydra.composer.spec.ModelSpec;
import dev.hydra.composer.spec.SitePath;
import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.runtime.FreeMemory;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.function.Predicate;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;

/**
 * A change of a model's structure, and of which of its parameters are frozen, that was planned
 * before the run: paths and blocks come, go and change. Parameters carry over by name and shape, as
 * in a swap; new ones are those that a fresh model of the seed would begin with. Sites that stay
 * keep the versions of plugins that they have now.
 *
 * <p>Closing frees the parameters that were made for it: only where it is not put in place.
 */
public final class StructureChange implements SwapHost.Change, AutoCloseable {
  private final Model model;
  private final Map<String, Parameter> before;
  private final Predicate<String> frozen;
  private final CandidateParameters parameters;
  private final ModelStructure structure;
  private final Map<String, Parameter> next = new LinkedHashMap<>();
  private final List<Parameter> gone = new ArrayList<>();

  /**
   * Builds the structure on the parameters of the model, for the thread that runs it.
   *
   * @param spec what the model is to be
   * @param frozen chooses the parameters that are not to be trained, by name
   * @throws SwapRefusedException if there is no memory for new parameters
   */
  public StructureChange(Model model, ModelSpec spec, Predicate<String> frozen) {
    this.model = model;
    this.before = model.parameters().byName();
    this.frozen = frozen;
    parameters =
        new CandidateParameters(
            model.parameters(), Set.of(), Set.of(), FreeMemory.bytes(), () -> false);
    try {
      structure = model.build(spec, components(model), parameters);
      plan();
      transfer();
    } catch (RuntimeException | Error e) {
      parameters.close();
      throw e;
    }
  }

  /** The component types, of which a site that is there already keeps its own. */
  private static Components components(Model model) {
    Map<SitePath, Registration> now = new LinkedHashMap<>();
    for (ComponentSlot slot : model.slots()) {
      now.put(slot.path(), slot.site().registration());
    }
    Components all = model.context().components();
    return new Components() {
      @Override
      public List<Registration> all() {
        return all.all();
      }

      @Override
      public Components at(SitePath site) {
        Components others = all.at(site);
        Registration own = now.get(site);
        return own == null ? others : preferring(own, others.all());
      }
    };
  }

  private static Components preferring(Registration own, List<Registration> others) {
    List<Registration> known = new ArrayList<>();
    known.add(own);
    others.stream().filter(each -> !offersSame(each, own)).forEach(known::add);
    return () -> known;
  }

  private static boolean offersSame(Registration one, Registration other) {
    return one.type().equals(other.type())
        && Components.factory(one).role() == Components.factory(other).role();
  }

  /** In the order in which a fresh model would make them, then what earlier swaps have left. */
  private void plan() {
    next.putAll(parameters.asked());
    for (Parameter each : before.values()) {
      Parameter same = next.get(each.name());
      if (same == null && each.unused()) {
        next.put(each.name(), each);
      } else if (same == null || !same.master().equals(each.master())) {
        gone.add(each);
      }
    }
  }

  /** Gives new tensors the values of old ones of their names and shapes. */
  private void transfer() {
    try (PointerScope scope = new PointerScope();
        Grad off = Grad.off()) {
      for (Parameter made : parameters.made().values()) {
        same(made, before).ifPresent(old -> made.load(old.master().detach()));
      }
    }
  }

  /** Finds the parameter of the same name and shape. */
  private static Optional<Parameter> same(Parameter parameter, Map<String, Parameter> among) {
    return Optional.ofNullable(among.get(parameter.name()))
        .filter(each -> each.spec().shape().equals(parameter.spec().shape()));
  }

  @Override
  public boolean parametersChange() {
    return true; // at least which are trained
  }

  @Override
  public Map<String, Parameter> made() {
    Map<String, Parameter> trained = new LinkedHashMap<>();
    parameters
        .made()
        .forEach(
            (name, each) -> {
              if (!frozen.test(name)) {
                trained.put(name, each);
              }
            });
    return trained;
  }

  @Override
  public Map<String, Tensor> rearranged(Function<String, Optional<Tensor>> old) {
    Map<String, Tensor> moved = new LinkedHashMap<>();
    for (Parameter made : parameters.made().values()) {
      if (same(made, before).isPresent()) {
        old.apply(made.name()).ifPresent(value -> moved.put(made.name(), value));
      }
    }
    return moved;
  }

  @Override
  public Set<String> origins(String name) {
    return Set.of(name);
  }

  /** Returns what becomes of the parameters. */
  public SwapReport.Parameters report() {
    List<String> carried = new ArrayList<>();
    List<String> initialised = new ArrayList<>();
    for (Parameter each : parameters.asked().values()) {
      (same(each, before).isPresent() ? carried : initialised).add(each.name());
    }
    List<String> dropped =
        gone.stream().filter(each -> same(each, next).isEmpty()).map(Parameter::name).toList();
    List<String> kept =
        next.values().stream().filter(Parameter::unused).map(Parameter::name).toList();
    return new SwapReport.Parameters(carried, List.of(), initialised, dropped, kept);
  }

  /**
   * Puts the structure in place, or throws and leaves all as it was.
   *
   * @param participant follows with what it holds for the parameters
   * @return parameters that are not used any more, to be closed
   */
  List<Parameter> put(SwapHost.Participant participant) {
    participant.begin();
    ModelStructure old = model.structure();
    model.exchange(structure, next);
    Predicate<String> thawed = model.parameters().freeze(frozen);
    try {
      participant.switched();
    } catch (RuntimeException | Error e) {
      model.exchange(old, before);
      model.parameters().freeze(thawed);
      throw e;
    }
    return gone;
  }

  @Override
  public void close() {
    parameters.close();
  }
}
