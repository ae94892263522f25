package dev.hydra.mixer.attention;

import dev.hydra.libtorch.kernels.Kernel.Grid;

/**
 * How {@link StridedKernels} cut the gradients of keys and values, by sizes that do not depend on
 * where documents begin. Keys have places in a list: first keys of documents, then the others. A
 * task has a tile of places, and so many queries: of all where the tile has a first key, which a
 * whole document sees, else of those that can see one of its keys.
 *
 * <p>Documents with queries that see their first key have more tokens than the window, so that
 * there is one place for each so many tokens; another key has one for each {@code every} tokens.
 *
 * @param keys places of keys
 * @param firsts of these, those of first keys
 * @param ofFirst tasks of each tile with places of first keys
 * @param ofOther tasks of each other tile
 * @param span queries of a task
 */
record StridedTasks(int keys, int firsts, int ofFirst, int ofOther, int span) {
  /** Spans are the shortest with which there are not more tasks. */
  private static final long MANY_TASKS = 1024;

  private static final int SHORTEST_SPAN = 256;
  private static final int TILE = StridedKernels.TILE;

  /**
   * Cuts.
   *
   * @param time longer than the window
   * @param sequences as many times there are these tasks
   * @param packed whether there are documents; else the whole is one
   */
  static StridedTasks of(SparsePattern pattern, long time, long sequences, boolean packed) {
    long every = pattern.every();
    long queries = time - pattern.window();
    long firsts = packed ? time / (pattern.window() + 1L) : 1;
    long others = pattern.globals() == 0 ? 0 : Grid.count(queries, every) - 1;
    // A key stands in the first of the tokens of its place, or with documents in any of them.
    long apart = (TILE - 1L + pattern.globals()) * every + (packed ? every - 1 : 0);
    long left = queries - (Grid.count(firsts, TILE) * TILE - firsts + 1) * every;
    long seeing = Math.min(apart, left);
    int span = SHORTEST_SPAN;
    StridedTasks tasks = of(firsts, others, queries, seeing, span);
    while (tasks.count() * sequences > MANY_TASKS && span < queries) {
      span *= 2;
      tasks = of(firsts, others, queries, seeing, span);
    }
    return tasks;
  }

  private static StridedTasks of(long firsts, long others, long queries, long seeing, int span) {
    return new StridedTasks(
        (int) (firsts + others),
        (int) firsts,
        (int) Grid.count(queries, span),
        (int) Math.max(1, Grid.count(seeing, span)),
        span);
  }

  /** All of them. */
  int count() {
    int withFirsts = (int) Grid.count(firsts, TILE);
    return withFirsts * ofFirst + ((int) Grid.count(keys, TILE) - withFirsts) * ofOther;
  }
}
