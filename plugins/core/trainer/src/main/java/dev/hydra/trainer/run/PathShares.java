package dev.hydra.trainer.run;

import dev.hydra.composer.model.Model;
import dev.hydra.composer.spec.SitePath;
import java.util.Set;

/**
 * How much paths that grow in count, besides their gates.
 *
 * @param sites the sites of the paths' components
 * @param share of what they add, from 0 to 1; that of the step before
 */
public record PathShares(Set<SitePath> sites, double share) {
  /** Of a model of which no path grows in. */
  static final PathShares NONE = new PathShares(Set.of(), 1);

  /** Copies the sites. */
  public PathShares {
    sites = Set.copyOf(sites);
  }

  /** Says whether any path grows in. */
  public boolean growing() {
    return !sites.isEmpty();
  }

  /** Lets the paths of a model that has them count for as much. */
  public void into(Model model) {
    if (growing()) {
      model.grow(sites, share);
    }
  }
}
