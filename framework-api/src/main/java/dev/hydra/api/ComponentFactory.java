package dev.hydra.api;

import java.util.Optional;
import org.osgi.annotation.versioning.ConsumerType;

/**
 * Creates components of one type and knows what they cost.
 *
 * @param <C> the interface of the component's {@link #role()}
 */
@ConsumerType
@FactoryKind("component")
public interface ComponentFactory<C> extends Factory<Site, C> {
  /** Returns the role of the created components. */
  Role role();

  /**
   * Creates a component for one place in a model. It asks the site for all its parameters here.
   *
   * @throws ConfigException if options contradict each other or the site; see {@link Site#invalid}
   */
  @Override
  C create(Site site);

  /** Estimates the cost of one forward, without the site's children (they count themselves). */
  Cost cost(Site site, Workload work);

  /**
   * Returns how the parameters of another component become those of this type in a running model,
   * where equal names and shapes do not say it all.
   *
   * @param type the type of the other component
   * @param version the version of its plugin
   */
  default Optional<Migration> migration(String type, String version) {
    return Optional.empty();
  }
}
