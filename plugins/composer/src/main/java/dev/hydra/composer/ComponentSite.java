package dev.hydra.composer;

import com.typesafe.config.Config;
import dev.hydra.api.Component;
import dev.hydra.api.ComponentFactory;
import dev.hydra.api.ConfigException;
import dev.hydra.api.Cost;
import dev.hydra.api.FeedForward;
import dev.hydra.api.Layer;
import dev.hydra.api.Memory;
import dev.hydra.api.Mixer;
import dev.hydra.api.Option;
import dev.hydra.api.ParameterSpec;
import dev.hydra.api.Pass;
import dev.hydra.api.Role;
import dev.hydra.api.Router;
import dev.hydra.api.Routing;
import dev.hydra.api.Settings;
import dev.hydra.api.Site;
import dev.hydra.api.Workload;
import dev.hydra.libtorch.Scopes;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.bytedeco.pytorch.Tensor;

/**
 * One place in a model and the component that stands there. What others hold of the component goes
 * through the site, so that it can be exchanged, and so that it is handed the pass of its own site.
 */
final class ComponentSite implements Site {
  /** What the names of parameters begin with that sites have in common. */
  static final String SHARED = "shared.";

  private final SiteContext context;
  private final String path;
  private final int width;
  private final int outputs;
  private final Role role;
  private final String type;
  private final Settings settings;
  private final Components.Registration registration;
  private final ComponentFactory<?> factory;
  private final Map<String, ComponentSite> children = new LinkedHashMap<>();
  private final Set<String> shared = new LinkedHashSet<>();
  private Object component;

  /**
   * @param configPath where the configuration stands, for messages
   * @throws ConfigException if the configuration is wrong
   */
  ComponentSite(
      SiteContext context,
      String path,
      String configPath,
      Role role,
      Config config,
      int width,
      int outputs) {
    this.context = context;
    this.path = path;
    this.width = width;
    this.outputs = outputs;
    this.role = role;
    this.registration = context.components().require(role, config, configPath);
    this.factory = registration.factory();
    this.type = config.getString("type");
    this.settings = Settings.read(configPath, config, factory.options(), "type");
    this.component = create();
  }

  private Object create() {
    Object created;
    try {
      created = factory.create(this);
    } catch (ConfigException e) {
      throw e;
    } catch (RuntimeException | LinkageError e) {
      throw new IllegalStateException(
          "component " + type + " at " + path + " cannot be created: " + e, e);
    }
    if (!role.type().isInstance(created)) {
      throw new IllegalStateException(
          "component " + type + " at " + path + " is no " + role.type().getSimpleName());
    }
    return created;
  }

  /** The layer that stands here, run in a scope of its own. */
  Tensor forward(Tensor x, Forward forward) {
    return Scopes.keep(() -> ((Layer) component).forward(x, new SitePass(forward, path)));
  }

  /** The component under the interface of its role, for a parent component. */
  Object handle() {
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
      return ((Router) component).route(x, new SitePass(of(pass), path));
    }

    @Override
    public int topK() {
      return ((Router) component).topK();
    }
  }

  private Tensor forwardAsChild(Tensor x, Pass pass) {
    return forward(x, of(pass));
  }

  private static Forward of(Pass pass) {
    if (pass instanceof SitePass own) {
      return own.forward();
    }
    throw new IllegalArgumentException("a component must hand on the pass that it was given");
  }

  /** The cost of the component and its children. */
  Cost cost(Workload work) {
    Cost cost = factory.cost(this, work);
    for (ComponentSite child : children.values()) {
      cost = cost.plus(child.cost(work));
    }
    return cost;
  }

  /** Adds the plugins of the component and its children. */
  void collectPlugins(Set<String> plugins) {
    plugins.add(registration.plugin() + " " + registration.version());
    children.values().forEach(child -> child.collectPlugins(plugins));
  }

  /** Adds the names of the parameters that the component and its children share with others. */
  void collectShared(Set<String> names) {
    names.addAll(shared);
    children.values().forEach(child -> child.collectShared(names));
  }

  Role role() {
    return role;
  }

  String type() {
    return type;
  }

  List<ComponentSite> children() {
    return List.copyOf(children.values());
  }

  @Override
  public String path() {
    return path;
  }

  @Override
  public int width() {
    return width;
  }

  @Override
  public int outputs() {
    return outputs;
  }

  @Override
  public int depth() {
    return context.depth();
  }

  @Override
  public Settings settings() {
    return settings;
  }

  @Override
  public Tensor parameter(ParameterSpec spec) {
    return context.store().borrow(path + "." + spec.name(), spec);
  }

  @Override
  public Tensor shared(String group, ParameterSpec spec) {
    String name = SHARED + group + "." + spec.name();
    Tensor parameter = context.store().borrow(name, spec);
    shared.add(name);
    return parameter;
  }

  @Override
  @SuppressWarnings("unchecked") // the role of the option's component decides the interface
  public <C> C child(Option<Component<C>> option, int childOutputs) {
    Component<C> nested = get(option);
    ComponentSite child =
        children.computeIfAbsent(
            option.name(),
            name ->
                new ComponentSite(
                    context,
                    path + "." + name,
                    settings.at(name),
                    nested.role(),
                    nested.config(),
                    width,
                    childOutputs));
    return (C) child.handle();
  }
}
