package dev.hydra.composer.model;

import dev.hydra.api.ConfigException;
import dev.hydra.api.Init;
import dev.hydra.api.ParameterSpec;
import dev.hydra.api.PluginId;
import dev.hydra.composer.spec.ModelSpec;
import dev.hydra.composer.spec.SitePath;
import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * A language model composed of components. Not safe for use by several threads at once.
 *
 * <p>The residual stream is kept in the master type; components are handed its norm in the compute
 * type (see {@link Placement}).
 */
public final class Model implements AutoCloseable {
  private static final double EMBEDDING_DEVIATION = 0.02;

  private ModelSpec spec;
  private final Placement precision;
  private final ParameterStore store;
  private final Tensor embedding;
  private final List<ResidualBlock> blocks = new ArrayList<>();
  private final Norm norm;
  private final Tensor head;
  private final SiteContext context;
  private final PartParameters own;

  private Model(ModelSpec spec, Placement precision, ParameterStore store, Components components) {
    this.spec = spec;
    this.precision = precision;
    this.store = store;
    this.own = new PartParameters(store);
    this.embedding = own.of(ModelPart.EMBEDDING).borrow("embedding.weight", table(spec));
    this.context = new SiteContext(components, store, spec.blocks().size());
    for (int i = 0; i < spec.blocks().size(); i++) {
      blocks.add(
          new ResidualBlock(
              spec, spec.blocks().get(i), context, own, precision, SitePath.block(i)));
    }
    this.norm = new Norm(spec, own.of(ModelPart.NORM), "norm");
    this.head =
        spec.tieEmbeddings()
            ? embedding
            : own.of(ModelPart.HEAD).borrow("head.weight", table(spec));
  }

  private static ParameterSpec table(ModelSpec spec) {
    return ParameterSpec.of(
        "weight", Init.normal(EMBEDDING_DEVIATION), spec.vocabSize(), spec.width());
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
    try {
      return new Model(spec, precision, store, components);
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
    return Scopes.keep(
        () -> {
          forward.about(tokens);
          ResidualStream stream =
              ResidualStream.of(
                  Tensors.scaled(embed(tokens).to(precision.master()), spec.embeddingScale()));
          for (int i = 0; i < blocks.size(); i++) {
            ResidualBlock block = blocks.get(i);
            stream =
                forward.recompute().covers(i)
                    ? ResidualStream.of(
                        Recomputation.run(
                            forward,
                            input -> block.forward(ResidualStream.of(input), forward).total(),
                            stream.total()))
                    : block.forward(stream, forward);
          }
          forward.state().ifPresent(state -> state.advance(tokens.size(1)));
          return norm.apply(stream, precision.compute()).normed();
        });
  }

  private Tensor embed(Tensor tokens) {
    int untrained = spec.paddingToken().orElse(-1);
    return torch.embedding(embedding, tokens, untrained, false, false);
  }

  /**
   * Applies the head.
   *
   * @param hidden [..., width] as {@link #hidden} gives them
   * @return logits [..., vocabSize] in the compute type
   */
  public Tensor logits(Tensor hidden) {
    return Scopes.keep(() -> Tensors.scaled(Tensors.linear(hidden, head), spec.logitsScale()));
  }

  /** Returns the weight of the head, [vocabSize, width] in the compute type. */
  public Tensor head() {
    return head;
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
    return own.part(parameter);
  }

  /** Returns the plugins that its components came from, sorted. */
  public List<PluginId> plugins() {
    TreeSet<PluginId> plugins = new TreeSet<>();
    blocks.forEach(block -> block.slots().forEach(slot -> slot.collectPlugins(plugins)));
    return List.copyOf(plugins);
  }

  /** Returns the context in which its components were built. */
  public SiteContext context() {
    return context;
  }

  /** Returns all slots, each before those below it. */
  public List<ComponentSlot> slots() {
    List<ComponentSlot> all = new ArrayList<>();
    for (ResidualBlock block : blocks) {
      block.slots().forEach(slot -> slot.visit(all::add));
    }
    return all;
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

  /** Returns the blocks, bottom to top. */
  List<ResidualBlock> blocks() {
    return blocks;
  }

  @Override
  public void close() {
    store.close();
  }
}
