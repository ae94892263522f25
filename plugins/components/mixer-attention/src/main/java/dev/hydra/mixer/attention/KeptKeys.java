package dev.hydra.mixer.attention;

import dev.hydra.api.Site;
import dev.hydra.api.StateCache;
import dev.hydra.api.StateSpec;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Tensor;

/**
 * Which keys of the {@code position} tokens before are kept, so that the next token sees all that
 * its {@link SparsePattern} grants: in rows, first the globals (position 0, then the newest strided
 * ones, oldest first), then those of the window. New tokens follow in the rows after.
 *
 * @param pattern what the next token sees
 * @param position the number of tokens so far
 */
record KeptKeys(SparsePattern pattern, long position) {
  static final String KEYS = "k";
  static final String VALUES = "v";

  /** What attention with a pattern keeps of one row; not every tensor from the first token on. */
  static List<StateSpec> state(Site site, SparsePattern pattern) {
    HeadShape shape = HeadShape.of(site);
    return Stream.of(KEYS, VALUES)
        .flatMap(name -> pattern.hasGlobals() ? Stream.of(name, globalName(name)) : Stream.of(name))
        .map(name -> StateSpec.of(name, StateSpec.GROWING, shape.kvHeads(), shape.headDim()))
        .toList();
  }

  /** How many keys of the window are kept. */
  long recent() {
    return Math.min(position, pattern.window() - 1L);
  }

  /** How many globals are kept, position 0 included. */
  long globals() {
    return pattern.globals(position);
  }

  /** Takes keys and values from the cache and leaves there those to keep after the new ones. */
  Qkv exchange(StateCache cache, Qkv added) {
    return new Qkv(added.q(), exchange(cache, KEYS, added.k()), exchange(cache, VALUES, added.v()));
  }

  /**
   * Takes the kept keys from the cache and leaves there those to keep after the new ones.
   *
   * @param added [batch, time, kvHeads, headDim]: keys, or values
   * @return all rows: the kept ones and {@code added}
   */
  private Tensor exchange(StateCache cache, String name, Tensor added) {
    List<Tensor> parts = new ArrayList<>();
    cache.get(globalName(name)).ifPresent(parts::add);
    cache.get(name).ifPresent(parts::add);
    parts.add(added);
    Tensor all = parts.size() == 1 ? added : Tensors.cat(1, parts.toArray(Tensor[]::new));

    KeptKeys next = new KeptKeys(pattern, position + added.size(1));
    if (next.recent() > 0) {
      long rows = all.size(1);
      // A copy, as a slice would keep all rows alive.
      cache.put(
          name,
          // Fewer where padding was left out of a prompt.
          rows <= next.recent() ? all : Tensors.slice(all, 1, rows - next.recent(), rows).clone());
    }
    if (next.globals() > 0) {
      cache.put(globalName(name), all.index_select(1, rows(next.globalPositions(all))));
    }
    return all;
  }

  private static String globalName(String name) {
    return "global_" + name;
  }

  /**
   * The rows in which the keys at positions int64 [...] stand, from 0 to the newest token's; some
   * row for a position whose key is no longer kept.
   */
  Tensor rows(Tensor positions) {
    long firstRecent = position - recent();
    Tensor recentRows = Positions.plus(positions, globals() - firstRecent);
    if (globals() == 0) {
      return recentRows;
    }
    Tensor strided = Positions.plus(Positions.over(positions, pattern.every()), 1 - oldest());
    return recentRows.where(Positions.from(positions, firstRecent), Positions.atLeast(strided, 0));
  }

  /** The positions int64 [globals()] of the kept globals, in the order of their rows. */
  private Tensor globalPositions(Tensor like) {
    Tensor strided = Tensors.range(oldest(), pattern.newest(position) + 1, like);
    return Tensors.mul(Tensors.pad(strided, 0, 1, 0), pattern.every());
  }

  /** The number of the oldest strided position kept, position 0 aside. */
  private long oldest() {
    return pattern.newest(position) - globals() + 2;
  }
}
