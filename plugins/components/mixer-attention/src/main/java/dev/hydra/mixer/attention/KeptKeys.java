package dev.hydra.mixer.attention;

import dev.hydra.api.Site;
import dev.hydra.api.StateCache;
import dev.hydra.api.StateSpec;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.List;
import java.util.Optional;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Which keys of the {@code position} tokens before are kept, so that the next token sees all that
 * its {@link SparsePattern} grants.
 *
 * <p>A forward over several tokens has them in rows: first the globals (position 0, then the newest
 * strided ones, oldest first), then those of the window; new tokens follow in the rows after. The
 * cache has them in the slots of {@link KeySlots}.
 *
 * @param pattern what the next token sees
 * @param position the number of tokens so far
 */
record KeptKeys(SparsePattern pattern, long position) {
  static final String KEYS = "k";
  static final String VALUES = "v";

  /** Of a prompt with padding: the tokens at its start that nothing looks at, int64 [batch]. */
  static final String PADDING = "padding";

  /** What attention with a pattern keeps of one row. */
  static List<StateSpec> state(Site site, SparsePattern pattern) {
    HeadShape shape = HeadShape.of(site);
    KeySlots slots = new KeySlots(pattern);
    Stream<StateSpec> kept =
        Stream.of(KEYS, VALUES).flatMap(name -> slots.state(name, shape).stream());
    StateSpec padding = StateSpec.of(PADDING).in(StateSpec.Dtype.INT64).optional();
    boolean padded = pattern.equals(SparsePattern.full());
    return Stream.concat(kept, padded ? Stream.of(padding) : Stream.of()).toList();
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
    Tensor all = kept(cache, name).map(before -> Tensors.cat(1, before, added)).orElse(added);
    long end = position + added.size(1);
    KeySlots slots = new KeySlots(pattern);
    if (pattern.hasGlobals()) {
      cache.put(KeySlots.globalName(name), select(all, rows(slots.globals(end))));
    }
    // Where nothing has left the window, slots are in the order of rows.
    boolean ordered = globals() == 0 && end <= pattern.window();
    cache.put(name, ordered ? all : select(all, rows(slots.recent(end))));
    return all;
  }

  /** The kept keys in the order of rows. */
  private Optional<Tensor> kept(StateCache cache, String name) {
    Optional<Tensor> recent = cache.get(name).filter(keys -> position > 0);
    if (recent.isEmpty() || (globals() == 0 && position < pattern.window())) {
      return recent;
    }
    KeySlots slots = new KeySlots(pattern);
    Optional<Tensor> globals = cache.get(KeySlots.globalName(name));
    Tensor all = globals.map(g -> Tensors.cat(1, g, recent.get())).orElse(recent.get());
    LongStream strided = LongStream.range(oldest(), pattern.newest(position) + 1);
    LongStream positions =
        globals() == 0
            ? LongStream.empty()
            : LongStream.concat(LongStream.of(0), strided.map(number -> number * pattern.every()));
    LongStream window = LongStream.range(position - recent(), position);
    LongStream index = LongStream.concat(positions, window).map(each -> slots.slot(each, position));
    return Optional.of(select(all, index));
  }

  private static Tensor select(Tensor keys, LongStream index) {
    long[] each = index.toArray();
    return each.length == 0
        ? Tensors.slice(keys, 1, 0, 0).clone()
        : keys.index_select(1, Tensor.create(each).to(keys.device(), ScalarType.Long));
  }

  /** The rows of positions. */
  private LongStream rows(LongStream positions) {
    long firstRecent = position - recent();
    return positions.map(
        each ->
            each >= firstRecent
                ? globals() + each - firstRecent
                : Math.max(0, each / pattern.every() + 1 - oldest()));
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

  /** The number of the oldest strided position kept, position 0 aside. */
  private long oldest() {
    return pattern.newest(position) - globals() + 2;
  }
}
