package dev.hydra.composer.model;

import com.typesafe.config.Config;
import dev.hydra.api.ConfigException;
import dev.hydra.api.Cost;
import dev.hydra.api.FeedForward;
import dev.hydra.api.Layer;
import dev.hydra.api.Memory;
import dev.hydra.api.Mixer;
import dev.hydra.api.Pass;
import dev.hydra.api.PluginId;
import dev.hydra.api.Role;
import dev.hydra.api.Router;
import dev.hydra.api.Routing;
import dev.hydra.api.Workload;
import dev.hydra.composer.spec.SitePath;
import dev.hydra.libtorch.runtime.Scopes;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Function;
import org.bytedeco.pytorch.Tensor;

/**
 * A slot of a model, which holds a component: the {@link ComponentSite}. What others hold of the
 * component goes through here, so that it can be swapped, and so that it is handed the pass of its
 * own site.
 */
public final class ComponentSlot {
  private final SitePath path;
  private final int width;
  private final int outputs;
  private final Role role;
  private final String configPath;
  private volatile ComponentSite site;

  /**
   * Creates a slot with a new component.
   *
   * @param configPath where the configuration stands, for messages
   * @throws ConfigException if the configuration is wrong
   */
  ComponentSlot(
      SiteContext context,
      SitePath path,
      String configPath,
      Role role,
      Config config,
      int width,
      int outputs) {
    this.path = path;
    this.width = width;
    this.outputs = outputs;
    this.role = role;
    this.configPath = configPath;
    this.site = new ComponentSite(this, context, config, configPath);
  }

  private ComponentSlot(ComponentSlot like, SiteContext context, Config config) {
    this(context, like.path, like.configPath, like.role, config, like.width, like.outputs);
  }

  /** Creates a slot of the same name and shape outside the model, with a component built for it. */
  public ComponentSlot copy(SiteContext context, Config config) {
    return new ComponentSlot(this, context, config);
  }

  /** Puts another component here; returns the one before. */
  ComponentSite exchange(ComponentSite next) {
    ComponentSite before = site;
    site = next;
    return before;
  }

  /** Returns the component in this slot, with what came with it. */
  public ComponentSite site() {
    return site;
  }

  /** Runs the layer that stands here in a scope of its own. */
  public Tensor forward(Tensor x, ForwardContext forward) {
    return running(
        now ->
            Scopes.keep(
                () -> {
                  Layer layer = (Layer) now.component();
                  return singly(now, forward)
                      ? Rows.forward(layer, x, forward, path)
                      : layer.forward(x, new SitePass(forward, path));
                }));
  }

  /** Whether the rows of a batch go through the component one by one. */
  private static boolean singly(ComponentSite site, ForwardContext forward) {
    return forward.batch().isPresent() && !site.decodesTogether();
  }

  /** Runs code of the component, so that what it throws says where. */
  private <T> T running(Function<ComponentSite, T> code) {
    ComponentSite now = site;
    try {
      return code.apply(now);
    } catch (ConfigException | ComponentException e) {
      throw e;
    } catch (RuntimeException | LinkageError | AssertionError | StackOverflowError e) {
      throw ComponentException.running(now.registration(), path, e);
    }
  }

  private Routing route(Tensor x, ForwardContext forward) {
    return running(
        now -> {
          Router router = (Router) now.component();
          return singly(now, forward)
              ? Rows.route(router, x, forward, path)
              : router.route(x, new SitePass(forward, path));
        });
  }

  /** Runs whatever stands here: a router too, of which it returns the weights. */
  public Tensor run(Tensor x, ForwardContext forward) {
    return role == Role.ROUTER ? route(x, forward).weights() : forward(x, forward);
  }

  /** Returns the component under the interface of its role, for a parent component. */
  public Object handle() {
    return switch (role) {
      case MIXER -> (Mixer) this::forwardAsChild;
      case FEED_FORWARD -> (FeedForward) this::forwardAsChild;
      case MEMORY -> (Memory) this::forwardAsChild;
      case ROUTER -> new RouterHandle();
    };
  }

  private final class RouterHandle implements Router {
    @Override
    public Routing route(Tensor x, Pass pass) {
      return ComponentSlot.this.route(x, of(pass));
    }

    @Override
    public int topK() {
      return ((Router) site.component()).topK();
    }

    @Override
    public int span() {
      return ((Router) site.component()).span();
    }
  }

  private Tensor forwardAsChild(Tensor x, Pass pass) {
    return forward(x, of(pass));
  }

  private static ForwardContext of(Pass pass) {
    if (pass instanceof SitePass own) {
      return own.forward();
    }
    throw new IllegalArgumentException("a component must hand on the pass that it was given");
  }

  /** Returns the cost of the component and its children. */
  Cost cost(Workload work) {
    Cost cost = site.cost(work);
    for (ComponentSlot child : children()) {
      cost = cost.plus(child.cost(work));
    }
    return cost;
  }

  /** Passes this slot and those below it to a visitor. */
  public void visit(Consumer<ComponentSlot> visitor) {
    visitor.accept(this);
    children().forEach(child -> child.visit(visitor));
  }

  /** Adds the plugins of the component and its children. */
  void collectPlugins(Set<PluginId> plugins) {
    site.collectPlugins(plugins);
  }

  /** Adds the names of the parameters that the component and its children share with others. */
  void collectShared(Set<String> names) {
    visit(site -> names.addAll(site.site.shared()));
  }

  /** Returns the path of the site. */
  public SitePath path() {
    return path;
  }

  /** Returns the width of the hidden states that come in. */
  public int width() {
    return width;
  }

  /** Returns the width for layers, the number of experts for routers. */
  public int outputs() {
    return outputs;
  }

  /** Returns the role of the components that fit here. */
  public Role role() {
    return role;
  }

  /** Returns the name of the component type. */
  public String type() {
    return site.type();
  }

  /** Returns the slots of the component's children. */
  List<ComponentSlot> children() {
    return List.copyOf(site.children().values());
  }
}
