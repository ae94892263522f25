package dev.hydra.composer.model;

import dev.hydra.api.ConfigException;
import dev.hydra.api.PluginId;
import dev.hydra.composer.spec.ModelSpec;
import dev.hydra.composer.spec.SitePath;
import dev.hydra.libtorch.nn.Embedding;
import dev.hydra.libtorch.nn.GradientSum;
import dev.hydra.libtorch.nn.Linear;
import dev.hydra.libtorch.nn.LinearCrossEntropy;
import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Consumer;
import org.bytedeco.pytorch.Tensor;

/**
 * A language model composed of components. Not safe for use by several threads at once.
 *
 * <p>The residual stream is kept in the master type; components are handed its norm in the compute
 * type (see {@link Placement}).
 */
public final class Model implements AutoCloseable {
  private volatile ModelSpec spec;
  private final Placement precision;
  private final ParameterStore store;
  private final SiteContext context;
  private volatile ModelStructure structure;

  private Model(ModelSpec spec, Placement precision, ParameterStore store, Components components) {
    this.spec = spec;
    this.precision = precision;
    this.store = store;
    this.context = new SiteContext(components, store, spec.blocks().size());
    this.structure = new ModelStructure(spec, context, precision);
  }

  /**
   * Builds a model.
   *
   * @param spec what to build
   * @param components the component types that there are
   * @param precision where it lives and in which type it computes; the meta device gives a model
   *     that has shapes only
   * @param seed what the parameters are drawn from
   * @throws ConfigException if a component's configuration is wrong
   */
  public static Model build(ModelSpec spec, Components components, Placement precision, long seed) {
    ParameterStore store = new ParameterStore(precision, seed);
    store.later();
    return build(spec, components, precision, store, ParameterStore::draw);
  }

  /**
   * Builds a model that is not trained, for {@link ModelFiles#load} to read: until then its
   * parameters have no values. They are in the compute type only, without masters.
   *
   * @param spec what to build
   * @param components the component types that there are
   * @param precision where it lives and in which type it computes
   * @throws ConfigException if a component's configuration is wrong
   */
  public static Model toRead(ModelSpec spec, Components components, Placement precision) {
    ParameterStore store = ParameterStore.toRead(precision);
    return build(spec, components, precision, store, ParameterStore::read);
  }

  private static Model build(
      ModelSpec spec,
      Components components,
      Placement precision,
      ParameterStore store,
      Consumer<ParameterStore> values) {
    try {
      Model model = new Model(spec, precision, store, components);
      values.accept(store);
      return model;
    } catch (RuntimeException | Error e) {
      store.close();
      throw e;
    }
  }

  /**
   * Computes the last hidden states, after the final norm.
   *
   * @param tokens int64 [batch, time] on the model's device, each in {@code 0..vocabSize-1}
   * @param forward what the pass is given and collects
   * @return [batch, time, width] in the compute type
   */
  public Tensor hidden(Tensor tokens, ForwardContext forward) {
    return hidden(structure.embedding(), tokens, forward);
  }

  private Tensor hidden(Tensor table, Tensor tokens, ForwardContext forward) {
    return Scopes.keep(
        () -> {
          forward.about(tokens);
          forward.batch().ifPresent(BatchState::reserve);
          ResidualStream stream =
              ResidualStream.of(
                  Embedding.of(
                      table,
                      tokens,
                      spec.paddingToken(),
                      precision.master(),
                      spec.embeddingScale()));
          for (int i = 0; i < structure.blocks().size(); i++) {
            ResidualBlock block = structure.blocks().get(i);
            ResidualStream before = stream;
            stream =
                forward.recompute().covers(i)
                    ? ResidualStream.of(
                        Recomputation.run(
                            forward,
                            input -> block.forward(ResidualStream.of(input), forward).total(),
                            before.total()))
                    : block.forward(before, forward);
            before.close();
          }
          forward
              .state()
              .ifPresent(
                  state -> {
                    RecurrentStates.round(state, slots(), precision);
                    state.advance(tokens.size(1));
                  });
          forward.batch().ifPresent(BatchState::advance);
          return structure.norm().apply(stream, precision.compute()).normed();
        });
  }

  /**
   * Computes the mean negative log-likelihood of what tokens are to be followed by. Where the head
   * reads the table of the embedding, both add to one gradient ({@link GradientSum}).
   *
   * @param tokens see {@link #hidden}
   * @param targets int64 [batch, time]: tokens, or -100 for none
   * @param gradient what backward will begin with, see {@link LinearCrossEntropy}
   * @param forward what the pass is given and collects
   * @return a scalar in nats, at least float32
   */
  public Tensor loss(
      Tensor tokens, Tensor targets, Optional<Tensor> gradient, ForwardContext forward) {
    return Scopes.keep(
        () -> {
          boolean tied = spec.tieEmbeddings();
          Tensor table = structure.embedding();
          Tensor read = tied ? GradientSum.of(table) : table;
          return LinearCrossEntropy.of(
              hidden(read, tokens, forward),
              tied ? read : structure.head(),
              spec.logitsScale(),
              targets,
              gradient);
        });
  }

  /**
   * Applies the head.
   *
   * @param hidden [..., width] as {@link #hidden} gives them
   * @return logits [..., vocabSize] in the compute type
   */
  public Tensor logits(Tensor hidden) {
    return Scopes.keep(
        () -> {
          Linear head = new Linear(structure.head(), Optional.empty());
          return Tensors.scaled(head.apply(hidden), spec.logitsScale());
        });
  }

  /** Returns the spec that the model was built from. */
  public ModelSpec spec() {
    return spec;
  }

  /** Returns where the model lives and in which type it computes. */
  public Placement placement() {
    return precision;
  }

  /** Returns the parameters. */
  public ParameterStore parameters() {
    return store;
  }

  /** Finds the part of the model itself that a parameter belongs to; nothing for all others. */
  public Optional<ModelPart> part(String parameter) {
    return structure.own().part(parameter);
  }

  /** Returns the plugins that its components came from, sorted. */
  public List<PluginId> plugins() {
    TreeSet<PluginId> plugins = new TreeSet<>();
    structure
        .blocks()
        .forEach(block -> block.slots().forEach(slot -> slot.collectPlugins(plugins)));
    return List.copyOf(plugins);
  }

  /** Returns the context in which its components were built. */
  public SiteContext context() {
    return context;
  }

  /** Returns all slots, each before those below it. */
  public List<ComponentSlot> slots() {
    return structure.slots();
  }

  /**
   * Builds another structure beside this model's own, which stays in place.
   *
   * @param next what to build
   * @param components the component types; a site's own are asked for, see {@link Components#at}
   * @param parameters lends the parameters
   */
  public ModelStructure build(ModelSpec next, Components components, ParameterSource parameters) {
    return new ModelStructure(
        next, new SiteContext(components, parameters, next.blocks().size()), precision);
  }

  /** Returns the structure. */
  public ModelStructure structure() {
    return structure;
  }

  /**
   * Takes another structure, not while the model runs. What grew in has grown.
   *
   * @param parameters all parameters that the model has from now on
   */
  public void exchange(ModelStructure next, Map<String, Parameter> parameters) {
    grown();
    store.exchange(parameters);
    spec = next.spec();
    structure = next;
  }

  /**
   * Lets some paths count for a share of what they add, besides their gates: with 0 the model
   * computes what it does without them.
   *
   * @param sites the sites of the paths' components
   * @param share from 0 to 1
   */
  public void grow(Set<SitePath> sites, double share) {
    Scopes.run(
        () -> {
          Tensor any = store.all().iterator().next().master().detach();
          Tensor like = Tensors.cast(any.view(-1).narrow(0, 0, 1), precision.master());
          structure.blocks().forEach(block -> block.grow(sites, share, like));
        });
  }

  /** Lets all paths count in full. */
  public void grown() {
    structure.blocks().forEach(ResidualBlock::grown);
  }

  /** Puts another revision in place, not while the model runs; returns the one before. */
  public ModelRevision exchange(ModelRevision next) {
    Map<ComponentSlot, ComponentSite> before = new LinkedHashMap<>();
    next.sites().forEach((slot, site) -> before.put(slot, slot.exchange(site)));
    ModelRevision previous = new ModelRevision(before, store.byName(), spec);
    store.exchange(next.parameters());
    spec = next.spec();
    return previous;
  }

  /** Returns an empty batch of texts that this model continues together. */
  public BatchState batch() {
    return new BatchState(this::slots, precision.device());
  }

  /** Returns what takes decoding states of this model back to fewer tokens. */
  public Rewinding rewinding() {
    return new Rewinding(this::slots);
  }

  /** Returns the blocks, bottom to top. */
  List<ResidualBlock> blocks() {
    return structure.blocks();
  }

  @Override
  public void close() {
    grown();
    store.close();
  }
}
