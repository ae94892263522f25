package dev.hydra.api;

import java.util.List;
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
   * Returns what a component keeps of a text between forwards; an empty list for one that keeps
   * nothing. Texts of different length are then decoded together, which asks of the component what
   * {@link StateCache#decoding} says. A component that is swapped in goes on with a text if what
   * was kept of that is what it declares.
   *
   * <p>Where nothing is declared, as by default, texts go through the component one by one, and
   * none can be gone on with when it is swapped in: the swap waits for their end, or is told to
   * forget what was kept.
   *
   * @param site a site for which {@link #create} has made a component
   */
  default Optional<List<StateSpec>> state(Site site) {
    return Optional.empty();
  }

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
