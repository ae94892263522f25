package dev.hydra.memory.pkm;

import dev.hydra.api.ComponentFactory;
import dev.hydra.api.Cost;
import dev.hydra.api.HydraPlugin;
import dev.hydra.api.Memory;
import dev.hydra.api.Option;
import dev.hydra.api.Role;
import dev.hydra.api.Site;
import dev.hydra.api.StateSpec;
import dev.hydra.api.Workload;
import java.util.List;
import java.util.Optional;

/** Creates product-key memories (Lample et al. 2019, arXiv 1907.05242). */
@HydraPlugin("pkm")
public final class ProductKeyMemoryFactory implements ComponentFactory<Memory> {
  static final Option<Integer> KEYS =
      Option.integer("keys", "sub-keys per table; the memory has their square in rows")
          .between(1, 32_768)
          .orElse(64);
  static final Option<Integer> KEY_DIM =
      Option.integer("key-dim", "dimension of a query and of a key, even").atLeast(2).orElse(64);
  static final Option<Integer> VALUE_DIM =
      Option.integer("value-dim", "dimension of a value row").atLeast(1).orElse(128);
  static final Option<Integer> HEADS =
      Option.integer("heads", "queries per token").atLeast(1).orElse(4);
  static final Option<Integer> TOP_K =
      Option.integer("top-k", "rows that a query reads").atLeast(1).orElse(4);
  static final Option<QueryNorm> QUERY_NORM =
      Option.choice("query-norm", QueryNorm.class, "normalisation of each query")
          .orElse(QueryNorm.RMS);
  static final Option<Optional<String>> SHARED =
      Option.text(
              "shared", "the name of a value table that all memories which name it have in common")
          .where(
              name -> name.matches("[A-Za-z][A-Za-z0-9_-]*"),
              "a letter, then letters, digits, -, _")
          .optional("a table of its own");

  /** Creates the factory, for the registry. */
  public ProductKeyMemoryFactory() {}

  @Override
  public Role role() {
    return Role.MEMORY;
  }

  @Override
  public List<Option<?>> options() {
    return List.of(KEYS, KEY_DIM, VALUE_DIM, HEADS, TOP_K, QUERY_NORM, SHARED);
  }

  @Override
  public Memory create(Site site) {
    if (site.get(KEY_DIM) % 2 != 0) {
      throw site.invalid(
          KEY_DIM,
          "must be even, because a key has two halves, but is "
              + site.get(KEY_DIM)
              + "; set it to "
              + (site.get(KEY_DIM) + 1));
    }
    if (site.get(TOP_K) > site.get(KEYS)) {
      throw site.invalid(
          TOP_K,
          "must be at most keys, because that many are taken from each table, but is "
              + site.get(TOP_K)
              + " with keys = "
              + site.get(KEYS)
              + "; lower it or raise keys");
    }
    return new ProductKeyMemory(site);
  }

  /** Nothing. */
  @Override
  public Optional<List<StateSpec>> state(Site site) {
    return Optional.of(List.of());
  }

  @Override
  public Cost cost(Site site, Workload work) {
    double tokens = work.tokens();
    double heads = site.get(HEADS);
    double keys = site.get(KEYS);
    double keyDim = site.get(KEY_DIM);
    double valueDim = site.get(VALUE_DIM);
    double topK = site.get(TOP_K);
    double rows = keys * keys;
    double read = Math.min(heads * topK, rows);

    double scores = 2 * tokens * heads * keys * keyDim;
    double weightedSum = 2 * tokens * heads * topK * valueDim;
    // Kept beside the inputs of the products: queries (before, between and after normalisation and
    // scale) in float32, which rows were chosen in int64, and their weights in float32.
    double queries = 2 * tokens * heads * keyDim * (site.get(QUERY_NORM) == QueryNorm.RMS ? 3 : 1);
    double choices = tokens * heads * topK * (4 + 2);
    Cost search = new Cost(scores + weightedSum, queries + choices, 0, (rows - read) * valueDim);
    return Cost.linear(tokens, site.width(), heads * keyDim)
        .plus(search)
        .plus(Cost.linear(tokens, valueDim, site.width()));
  }
}
