package dev.hydra.composer.model;

import com.typesafe.config.Config;
import dev.hydra.api.ChildConfig;
import dev.hydra.api.ComponentFactory;
import dev.hydra.api.ConfigException;
import dev.hydra.api.Cost;
import dev.hydra.api.Option;
import dev.hydra.api.ParameterSpec;
import dev.hydra.api.PluginId;
import dev.hydra.api.Registration;
import dev.hydra.api.Settings;
import dev.hydra.api.Site;
import dev.hydra.api.StateSpec;
import dev.hydra.api.Workload;
import dev.hydra.composer.spec.SitePath;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * A component at a {@link ComponentSlot}, with all that came with it: factory, options, children.
 * Nothing else refers to these, so they go when it does.
 */
public final class ComponentSite implements Site {
  private final ComponentSlot place;
  private final int depth;
  private final Config config;
  private final Settings settings;
  private final Registration registration;
  private final Map<String, ComponentSlot> children = new LinkedHashMap<>();
  private final Set<String> shared = new LinkedHashSet<>();
  private final Object component;
  private final Optional<List<StateSpec>> state;

  /** There while the component is created; later it would keep other plugins alive. */
  private @Nullable SiteContext context;

  /**
   * Creates a component.
   *
   * @param configPath where the configuration stands, for messages
   * @throws ConfigException if the configuration is wrong
   */
  ComponentSite(ComponentSlot place, SiteContext context, Config config, String configPath) {
    this.place = place;
    this.depth = context.depth();
    this.config = config;
    this.context = context;
    this.registration =
        context.components().at(place.path()).require(place.role(), config, configPath);
    this.settings = Settings.read(configPath, config, factory().options(), "type");
    this.component = create();
    this.context = null;
    this.state = factory().state(this).map(List::copyOf);
  }

  private ComponentFactory<?> factory() {
    return Components.factory(registration);
  }

  private Object create() {
    Object created;
    try {
      created = factory().create(this);
    } catch (ConfigException e) {
      throw e;
    } catch (RuntimeException | LinkageError e) {
      throw ComponentException.creating(registration, place.path(), e);
    }
    if (!place.role().type().isInstance(created)) {
      throw new IllegalStateException(
          "component "
              + type()
              + " at "
              + path()
              + " is not a "
              + place.role().type().getSimpleName());
    }
    return created;
  }

  private SiteContext creating() {
    if (context == null) {
      throw new IllegalStateException(
          "component " + type() + " at " + path() + " must ask its site while it is created");
    }
    return context;
  }

  /** Returns the component itself. */
  Object component() {
    return component;
  }

  /** Returns the component type, as its plugin registered it. */
  public Registration registration() {
    return registration;
  }

  /** Returns the name of the component type. */
  String type() {
    return registration.type();
  }

  /** Returns the slots of the children, by the names of their options. */
  Map<String, ComponentSlot> children() {
    return children;
  }

  /** Returns the names of the parameters that the component itself shares with others. */
  public Set<String> shared() {
    return shared;
  }

  /** Adds the plugins of the component and its children. */
  void collectPlugins(Set<PluginId> plugins) {
    plugins.add(registration.plugin());
    children.values().forEach(child -> child.collectPlugins(plugins));
  }

  /** Returns the configuration as it is now: children may have been swapped. */
  public Config config() {
    Config now = config;
    for (Map.Entry<String, ComponentSlot> child : children.entrySet()) {
      now = now.withValue(child.getKey(), child.getValue().site().config().root());
    }
    return now;
  }

  /** Returns the cost of the component, without its children. */
  Cost cost(Workload work) {
    return factory().cost(this, work);
  }

  /** Says whether the component decodes texts of different length together. */
  boolean decodesTogether() {
    return state.isPresent();
  }

  /** Returns what the component keeps between forwards, if that is declared. */
  public Optional<List<StateSpec>> state() {
    return state;
  }

  @Override
  public String path() {
    return place.path().toString();
  }

  @Override
  public int width() {
    return place.width();
  }

  @Override
  public int outputs() {
    return place.outputs();
  }

  @Override
  public int depth() {
    return depth;
  }

  @Override
  public Settings settings() {
    return settings;
  }

  @Override
  public Tensor parameter(ParameterSpec spec) {
    return creating().parameters().borrow(place.path().fullName(spec.name()), spec);
  }

  @Override
  public Tensor shared(String group, ParameterSpec spec) {
    String name = SitePath.SHARED.child(group).fullName(spec.name());
    Tensor parameter = creating().parameters().borrow(name, spec);
    shared.add(name);
    return parameter;
  }

  @Override
  @SuppressWarnings("unchecked") // the role of the option's component decides the interface
  public <C> C child(Option<ChildConfig<C>> option, int childOutputs) {
    ChildConfig<C> nested = get(option);
    ComponentSlot child =
        children.computeIfAbsent(
            option.name(),
            name ->
                new ComponentSlot(
                    creating(),
                    place.path().child(name),
                    settings.at(name),
                    nested.role(),
                    nested.config(),
                    width(),
                    childOutputs));
    return (C) child.handle();
  }
}
