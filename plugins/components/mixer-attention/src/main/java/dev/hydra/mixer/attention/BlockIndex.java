package dev.hydra.mixer.attention;

import dev.hydra.libtorch.runtime.Tensors;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;

/**
 * The globals of the blocks of a {@link BlockPlan}: where they stand, and who sees which of them.
 *
 * <p>Documents cost nothing extra: globals lie at least a window before a query, and a block is no
 * longer than a window, so only the document that a block's first query belongs to can have globals
 * in it. That makes one list per block enough.
 *
 * @param positions int64 [rows, blocks, globals]: positions in the sequence, within it also for
 *     globals that nobody sees; rows is 1, or the batch if there are documents
 * @param visible bool [rows, blocks, block, globals]
 */
record BlockIndex(Tensor positions, Tensor visible) {
  /**
   * Computes the index on the device: position 0 and the strided positions, counted from the start
   * of the document of each block's first query.
   *
   * @param starts the first token of each new token's document, int64 [batch, time]; empty if the
   *     documents all begin at position 0
   */
  static BlockIndex of(BlockPlan plan, Optional<Tensor> starts, Tensor like) {
    SparsePattern pattern = plan.pattern();
    Tensor blocks = Tensors.range(0, plan.blocks(), like);
    Tensor first = Positions.plus(Tensors.mul(blocks, plan.block()), plan.before());
    Tensor origins =
        starts.map(tensor -> blocked(tensor, plan)).orElseGet(() -> Tensors.zeros(first, 1, 1, 1));
    Tensor queries = first.unsqueeze(1).add(Tensors.range(0, plan.block(), like)).sub(origins);

    Tensor newest = Positions.over(Positions.plus(queries, -pattern.window()), pattern.every());
    Tensor oldest = Positions.plus(Tensors.slice(newest, 2, 0, 1), 1 - pattern.globals());
    long strided = plan.globals() - 1;
    long last = pattern.newest(plan.before() + plan.time() - 1);
    Tensor base = Positions.atMost(Positions.atLeast(oldest, 1), Math.max(1, last - strided + 1));
    Tensor numbers = Tensors.pad(base.add(Tensors.range(0, strided, queries)), 2, 1, 0);

    Tensor number = numbers.unsqueeze(2);
    Tensor bound = newest.unsqueeze(3);
    Tensor recent = number.gt(Positions.plus(bound, -pattern.globals()));
    Tensor sink = Positions.below(number, 1);
    Tensor positions = Tensors.mul(numbers, pattern.every()).add(Tensors.slice(origins, 2, 0, 1));
    // Globals that nobody sees may lie beside the sequence: they get any key that is there.
    return new BlockIndex(
        Positions.atMost(Positions.atLeast(positions, 0), plan.before() + plan.time() - 1),
        number.le(bound).logical_and(recent.logical_or(sink)));
  }

  /** The same for positions that stand in other rows of the keys. */
  BlockIndex in(KeptKeys kept) {
    return new BlockIndex(kept.rows(positions), visible);
  }

  private static Tensor blocked(Tensor starts, BlockPlan plan) {
    return Tensors.pad(starts, 1, 0, plan.padding())
        .view(starts.size(0), plan.blocks(), plan.block());
  }
}
