package dev.hydra.composer.model;

import com.typesafe.config.Config;
import dev.hydra.api.Cost;
import dev.hydra.api.Role;
import dev.hydra.api.Router;
import dev.hydra.api.Routing;
import dev.hydra.api.StateSpec;
import dev.hydra.api.Workload;
import dev.hydra.composer.spec.SitePath;
import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * One component with parameters of its own and no model round it: for checks and benchmarks. Where
 * a forward does not say which tokens its hidden states came from, they follow from the hidden
 * states, each token from its own: so they are split, packed and changed together with these.
 */
public final class StandaloneComponent implements AutoCloseable {
  private static final SitePath PATH = new SitePath("component");

  private final ParameterStore store;
  private final Supplier<ComponentSlot> maker;
  private final int outputs;
  private final Placement precision;
  private ComponentSlot slot;

  /**
   * Builds a component.
   *
   * @param outputs the width for layers, the number of experts for routers
   * @param config its configuration, {@code type} included
   */
  public StandaloneComponent(
      Components components,
      Role role,
      Config config,
      int width,
      int outputs,
      Placement precision,
      long seed) {
    this.outputs = outputs;
    this.precision = precision;
    store = new ParameterStore(precision, seed);
    try {
      SiteContext context = new SiteContext(components, store, 1);
      maker = () -> new ComponentSlot(context, PATH, PATH.text(), role, config, width, outputs);
      slot = maker.get();
    } catch (RuntimeException | Error e) {
      store.close();
      throw e;
    }
  }

  /**
   * Runs the component on hidden states [batch, time, width].
   *
   * @return its output; of a router the dense routing [batch, time, experts]: each expert's weight,
   *     zero where it is not chosen
   */
  public Tensor forward(Tensor x, ForwardContext forward) {
    return forward.about(() -> tokens(x), () -> run(x, forward));
  }

  private Tensor run(Tensor x, ForwardContext forward) {
    forward.batch().ifPresent(BatchState::reserve);
    if (slot.role() != Role.ROUTER) {
      return advance(slot.forward(x, forward), x, forward);
    }
    return Scopes.keep(
        () -> {
          Routing routing = router().route(x, new SitePass(forward, PATH)).byToken();
          Tensor weights = routing.weights();
          Tensor none = torch.zeros(new long[] {x.size(0), x.size(1), outputs}, weights.options());
          return advance(none.scatter(-1, routing.experts(), weights), x, forward);
        });
  }

  /** Puts a new component in the place of this one, round the same parameters. */
  public void recreate() {
    slot = maker.get();
  }

  /** Returns the routing of a router for each token; a state is not moved on. */
  public Routing route(Tensor x, ForwardContext forward) {
    return forward.about(
        () -> tokens(x), () -> router().route(x, new SitePass(forward, PATH)).byToken());
  }

  /**
   * Returns tokens int64 [batch, time]: different for different hidden states, most of the time.
   */
  private static Tensor tokens(Tensor x) {
    Tensor first = x.detach().select(2, 0).abs().to(ScalarType.Double);
    return Tensors.mul(first, 1000.0).to(ScalarType.Long);
  }

  /** Returns the number of experts that a router promises for each token. */
  public int topK() {
    return router().topK();
  }

  private Router router() {
    return (Router) slot.handle();
  }

  private Tensor advance(Tensor result, Tensor x, ForwardContext forward) {
    forward
        .state()
        .ifPresent(
            state -> {
              RecurrentStates.round(state, slots(), precision);
              state.advance(x.size(1));
            });
    forward.batch().ifPresent(BatchState::advance);
    return result;
  }

  /** Returns an empty batch of texts that are continued together. */
  public BatchState batch() {
    return new BatchState(this::slots, precision.device());
  }

  /** Returns what takes states back to fewer tokens. */
  public Rewinding rewinding() {
    return new Rewinding(this::slots);
  }

  private List<ComponentSlot> slots() {
    List<ComponentSlot> all = new ArrayList<>();
    slot.visit(all::add);
    return all;
  }

  /** Returns what it keeps between forwards, if its factory declares that. */
  public Optional<List<StateSpec>> state() {
    return slot.site().state();
  }

  /** Returns what it has kept of a text itself, without its children, by name: the live tensors. */
  public Map<String, Tensor> kept(ModelState state) {
    return state.site(PATH).tensors();
  }

  /** Returns its parameters. */
  public ParameterStore parameters() {
    return store;
  }

  /** Returns the cost of it and its children. */
  public Cost cost(Workload work) {
    return slot.cost(work);
  }

  @Override
  public void close() {
    store.close();
  }
}
