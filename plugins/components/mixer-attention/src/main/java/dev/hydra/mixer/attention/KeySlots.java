package dev.hydra.mixer.attention;

import dev.hydra.api.StateSpec;
import java.util.List;
import java.util.stream.LongStream;

/**
 * Where the cache has keys, and values likewise. Those of the window stand at their position modulo
 * the window, so that a token takes the slot of the one that leaves. One that leaves and is strided
 * goes to the globals: position 0 to slot 0, number m after it to slot 1 + (m - 1) modulo the
 * number of globals, from where the oldest goes.
 */
record KeySlots(SparsePattern pattern) {
  /** The name of the globals of keys, or values. */
  static String globalName(String name) {
    return "global_" + name;
  }

  /** What is kept of keys, or values, of one row, in the {@link Attention#type type} of those. */
  List<StateSpec> state(String name, HeadShape shape) {
    long window = pattern.window();
    StateSpec recent = spec(name, shape).growing(new StateSpec.Growth(0, 1, window));
    if (!pattern.hasGlobals()) {
      return List.of(recent);
    }
    StateSpec globals =
        spec(globalName(name), shape)
            .growing(new StateSpec.Growth(window, pattern.every(), 1L + pattern.globals()));
    return List.of(recent, globals);
  }

  private static StateSpec spec(String name, HeadShape shape) {
    return StateSpec.of(name, StateSpec.GROWING, shape.kvHeads(), shape.headDim())
        .in(StateSpec.Dtype.FLOAT32_ON_CPU);
  }

  /** How many slots are taken after so many tokens. */
  long count(long tokens) {
    return Math.min(tokens, pattern.window()) + pattern.globals(tokens - 1);
  }

  /** The positions in the slots of the window after so many tokens. */
  LongStream recent(long tokens) {
    long window = pattern.window();
    return LongStream.range(0, Math.min(tokens, window))
        .map(slot -> newestBelow(tokens, slot, window));
  }

  /** The positions in the slots of the globals after so many tokens. */
  LongStream globals(long tokens) {
    long newest = pattern.newest(tokens - 1);
    return LongStream.range(0, pattern.globals(tokens - 1))
        .map(
            slot ->
                slot == 0 ? 0 : pattern.every() * newestBelow(newest + 1, slot, pattern.globals()));
  }

  /** The largest number below an end that leaves the remainder of a slot. */
  private static long newestBelow(long end, long slot, long divisor) {
    return end - 1 - Math.floorMod(end - 1 - slot, divisor);
  }

  /**
   * The slot of a position that is kept, counted from the first global.
   *
   * @param tokens so far
   */
  long slot(long position, long tokens) {
    long globals = pattern.globals(tokens - 1);
    if (position >= tokens - pattern.window()) {
      return globals + position % pattern.window();
    }
    return position == 0 ? 0 : 1 + (position / pattern.every() - 1) % pattern.globals();
  }
}
