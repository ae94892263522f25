package dev.hydra.mixer.attention;

import dev.hydra.api.Option;
import dev.hydra.api.Site;
import java.util.List;
import java.util.Optional;

/**
 * How the width is split among heads. Grouped queries (GQA, arXiv 2305.13245): each of {@code
 * kvHeads} key and value heads serves {@code heads / kvHeads} query heads.
 */
record HeadShape(int heads, int kvHeads, int headDim) {
  static final Option<Integer> HEADS =
      Option.integer("heads", "number of query heads").atLeast(1).orElse(4);
  static final Option<Optional<Integer>> KV_HEADS =
      Option.integer("kv-heads", "number of key and value heads, a divisor of heads")
          .atLeast(1)
          .optional("heads");
  static final Option<Optional<Integer>> HEAD_DIM =
      Option.integer("head-dim", "size of a head").atLeast(1).optional("width / heads");

  static final List<Option<?>> OPTIONS = List.of(HEADS, KV_HEADS, HEAD_DIM);

  static HeadShape of(Site site) {
    int heads = site.get(HEADS);
    int kvHeads = site.get(KV_HEADS).orElse(heads);
    if (heads % kvHeads != 0) {
      throw site.invalid(
          KV_HEADS, kvHeads + " does not divide heads = " + heads + "; choose a divisor of it");
    }
    Optional<Integer> headDim = site.get(HEAD_DIM);
    if (headDim.isEmpty() && site.width() % heads != 0) {
      throw site.invalid(
          HEADS,
          heads
              + " does not divide the width "
              + site.width()
              + "; choose a divisor or set head-dim");
    }
    return new HeadShape(heads, kvHeads, headDim.orElseGet(() -> site.width() / heads));
  }

  /** The elements of one token's queries. */
  int queryWidth() {
    return heads * headDim;
  }

  /** The elements of one token's keys, and of its values. */
  int keyWidth() {
    return kvHeads * headDim;
  }
}
