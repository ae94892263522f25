package dev.hydra.composer.model;

import dev.hydra.api.Init;
import dev.hydra.api.ParameterSpec;
import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.function.Predicate;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Owns the parameters of a model; see {@link Parameter}. */
public final class ParameterStore implements ParameterSource, AutoCloseable {
  /** Stands for what has been done: an initialisation may be code of a plugin that is to go. */
  private static final Init DONE = Init.zeros();

  private final Placement precision;
  private final long seed;
  private final boolean masters;
  private final List<FirstValue> undrawn = new ArrayList<>();
  private boolean later;
  private volatile Map<String, Parameter> parameters = new LinkedHashMap<>();
  private volatile Predicate<String> frozen = name -> false;
  private volatile LowRankAdapters adapters = LowRankAdapters.none();

  /** Creates an empty store for training. */
  public ParameterStore(Placement precision, long seed) {
    this(precision, seed, true);
  }

  private ParameterStore(Placement precision, long seed, boolean masters) {
    this.precision = precision;
    this.seed = seed;
    this.masters = masters;
  }

  /**
   * Creates an empty store for a model that is not trained: its parameters are in the type in which
   * they are computed with, and nowhere else. Those made before {@link #read} have no value yet.
   */
  static ParameterStore toRead(Placement precision) {
    ParameterStore store = new ParameterStore(precision, 0, false);
    store.later();
    return store;
  }

  /** Leaves the parameters that are made from now on without values. */
  void later() {
    later = true;
  }

  /** Initialises the parameters without values, all at once, and from now on each as it is made. */
  void draw() {
    FirstValue.draw(undrawn);
    read();
  }

  /** Goes on without the first values, which something else has given; see {@link #draw}. */
  void read() {
    undrawn.clear();
    later = false;
  }

  @Override
  public Tensor borrow(String name, ParameterSpec spec) {
    Parameter known = parameters.get(name);
    if (known == null) {
      known = create(name, spec);
      parameters.put(name, known);
    }
    return known.of(spec.shape()).working();
  }

  /** Returns the parameters by name, in the order in which they were made. */
  public Map<String, Parameter> byName() {
    return parameters;
  }

  /** Replaces all parameters; closes none. */
  void exchange(Map<String, Parameter> next) {
    parameters = next;
  }

  /**
   * Freezes the parameters of some names, those made later too, and thaws all others: what is
   * frozen gets no gradient.
   *
   * @return what chose the frozen ones before
   */
  public Predicate<String> freeze(Predicate<String> names) {
    Predicate<String> before = frozen;
    frozen = names;
    Map<String, Parameter> next = new LinkedHashMap<>();
    parameters.forEach((name, each) -> next.put(name, each.frozen(names.test(name))));
    try (PointerScope scope = new PointerScope()) {
      for (Parameter each : next.values()) {
        if (!each.trained()) {
          each.working().mutable_grad().reset();
        }
        each.working().set_requires_grad(each.trained());
      }
    }
    parameters = next;
    return before;
  }

  /**
   * Adds low-rank adapters to matrices and freezes all else: the matrices themselves, whose masters
   * stay as they are, and what rules would adjust. The model computes what it did, as the adapters
   * begin at zero.
   *
   * @param targets names of parameters that {@link LowRankAdapters#takes adapters can be added to}
   * @param rank of each adapter, see {@link LowRankAdapters#largestRank}
   * @param alpha what the adapters count, over the rank
   */
  public LowRankAdapters adapt(Predicate<String> targets, int rank, double alpha) {
    Map<String, Parameter> next = new LinkedHashMap<>();
    List<LowRankAdapter> made = new ArrayList<>();
    freeze(name -> LowRankAdapters.base(name).isEmpty());
    for (Parameter each : parameters.values()) {
      if (!targets.test(each.name())) {
        next.put(each.name(), each);
        continue;
      }
      Parameter base = each.copied() ? each : each.withMasterOfItsOwn();
      LowRankAdapter adapter =
          new LowRankAdapter(
              base,
              create(base.name() + LowRankAdapters.A, LowRankAdapters.a(base.spec(), rank)),
              create(base.name() + LowRankAdapters.B, LowRankAdapters.b(base.spec(), rank)),
              alpha / rank);
      made.add(adapter);
      for (Parameter part : List.of(base, adapter.a(), adapter.b())) {
        next.put(part.name(), part);
      }
    }
    parameters = next;
    adapters = new LowRankAdapters(made, alpha / rank);
    adapters.bases().forEach(base -> base.working().set_requires_grad(true));
    adapters.merge();
    return adapters;
  }

  /** Returns the low-rank adapters. */
  public LowRankAdapters adapters() {
    return adapters;
  }

  /** Returns all parameters in the order in which they were made. */
  public Collection<Parameter> all() {
    return Collections.unmodifiableCollection(parameters.values());
  }

  /** Says whether there is a parameter of a name. */
  public boolean has(String name) {
    return parameters.containsKey(name);
  }

  /** Makes and initialises a parameter that is not put into the store: the caller closes it. */
  public Parameter create(String name, ParameterSpec spec) {
    try (PointerScope scope = new PointerScope();
        Grad off = Grad.off()) {
      ScalarType computing = spec.fp32() ? precision.master() : precision.compute();
      ScalarType kept = masters ? precision.master() : computing;
      Tensor master = Scopes.own(empty(spec, kept));
      Tensor working = kept == computing ? master : Scopes.own(empty(spec, computing));
      Parameter made = new Parameter(name, done(spec), master, working, false, frozen.test(name));
      if (!precision.device().is_meta()) {
        draw(new FirstValue(made, spec.init(), seedOf(name)));
      }
      if (made.trained()) {
        working.set_requires_grad(true);
      }
      return made;
    }
  }

  private void draw(FirstValue value) {
    if (later) {
      undrawn.add(value);
      return;
    }
    try {
      value.draw();
    } catch (RuntimeException | Error e) {
      value.parameter().close();
      throw e;
    }
  }

  /** Returns what is kept of a description. */
  static ParameterSpec done(ParameterSpec spec) {
    return new ParameterSpec(
        spec.name(),
        DONE,
        spec.shape(),
        spec.fp32(),
        spec.decay(),
        spec.trainable(),
        spec.sparse());
  }

  private Tensor empty(ParameterSpec spec, ScalarType type) {
    return torch.empty(spec.sizes(), options(type).device(optional(precision.device())), null);
  }

  private static TensorOptions options(ScalarType type) {
    return new TensorOptions(type);
  }

  private static org.bytedeco.pytorch.DeviceOptional optional(org.bytedeco.pytorch.Device device) {
    return new org.bytedeco.pytorch.DeviceOptional(device);
  }

  private long seedOf(String name) {
    byte[] text = (seed + "/" + name).getBytes(StandardCharsets.UTF_8);
    return UUID.nameUUIDFromBytes(text).getMostSignificantBits();
  }

  /**
   * Replaces the value of a parameter, master and working copy.
   *
   * @throws IllegalArgumentException if there is none of that name or the shape differs
   */
  public void load(String name, Tensor value) {
    Parameter parameter = parameters.get(name);
    if (parameter == null) {
      throw new IllegalArgumentException("the model has no parameter " + name);
    }
    parameter.load(value);
  }

  /**
   * Adds a parameter that no component asks for, frozen, for a model that goes on with it.
   *
   * @param value its value, in its shape
   */
  public void keep(String name, Tensor value) {
    List<Long> shape = Arrays.stream(Tensors.sizes(value)).boxed().toList();
    ParameterSpec spec = new ParameterSpec(name, DONE, shape, true, false, false, false);
    Parameter parameter = create(name, spec).left();
    parameter.load(value);
    parameters.put(name, parameter);
  }

  /** Adds to a parameter, master and working copy; not where adapters leave the model as it is. */
  public void adjust(String name, Tensor delta) {
    if (!adapters.isEmpty()) {
      return;
    }
    Parameter parameter = parameters.get(name);
    if (parameter == null || parameter.spec().trainable()) {
      throw new IllegalArgumentException("the model has no frozen parameter " + name);
    }
    Scopes.run(() -> load(name, parameter.master().add(delta)));
  }

  @Override
  public void close() {
    parameters.values().forEach(Parameter::close);
    parameters = new LinkedHashMap<>();
  }
}
