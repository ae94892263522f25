package dev.hydra.mixer.attention;

import dev.hydra.libtorch.Tensors;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;

/**
 * Which keys the blocks of a {@link BlockPlan} are multiplied with, and who sees which of them.
 *
 * <p>Documents cost nothing extra: globals lie at least a window before a query, and a block is no
 * longer than a window, so only the document that a block's first query belongs to can have globals
 * in it. That makes one list of columns per block enough.
 *
 * @param positions int64 [rows, blocks, columns]: where the columns' keys stand in the sequence,
 *     within it also for columns that nobody sees; rows is 1, or the batch if there are documents
 * @param visible bool [rows, blocks, block, columns]
 */
record BlockIndex(Tensor positions, Tensor visible) {
  /**
   * Computes the index on the device.
   *
   * @param starts the first token of each new token's document, int64 [batch, time]; empty if the
   *     documents all begin at position 0
   */
  static BlockIndex of(BlockPlan plan, Optional<Tensor> starts, Tensor like) {
    Tensor blocks = Tensors.range(0, plan.blocks(), like);
    Tensor first = Positions.plus(Tensors.mul(blocks, plan.block()), plan.before());
    Tensor queries = first.unsqueeze(1).add(Tensors.range(0, plan.block(), like));
    Tensor origins =
        starts
            .map(tensor -> blocked(tensor, plan))
            .orElseGet(() -> Tensors.zeros(queries, 1, 1, 1));

    BlockIndex local = local(plan, first, origins);
    if (plan.globals() == 0) {
      return local;
    }
    BlockIndex global = global(plan, queries.sub(origins), Tensors.slice(origins, 2, 0, 1));
    long rows = origins.size(0);
    Tensor localPositions =
        local.positions.expand(rows, plan.blocks(), plan.reach() + plan.block());
    return new BlockIndex(
        Tensors.cat(2, localPositions, global.positions),
        Tensors.cat(3, local.visible, global.visible));
  }

  private static Tensor blocked(Tensor starts, BlockPlan plan) {
    return Tensors.pad(starts, 1, 0, plan.padding())
        .view(starts.size(0), plan.blocks(), plan.block());
  }

  /** The window: a band that is the same in all blocks, cut off where the document begins. */
  private static BlockIndex local(BlockPlan plan, Tensor first, Tensor origins) {
    long columns = plan.reach() + plan.block();
    Tensor column = Tensors.range(0, columns, first);
    Tensor distance = Tensors.range(plan.reach(), columns, first).unsqueeze(1).sub(column);
    Tensor band =
        Positions.from(distance, 0).logical_and(Positions.below(distance, plan.pattern().window()));
    Tensor positions = Positions.plus(first, -plan.reach()).unsqueeze(1).add(column).unsqueeze(0);
    Tensor inside = positions.unsqueeze(2).ge(origins.unsqueeze(3));
    return new BlockIndex(clamped(positions, plan), band.logical_and(inside));
  }

  /** Position 0 and the strided positions, counted from the start of the first query's document. */
  private static BlockIndex global(BlockPlan plan, Tensor queries, Tensor origin) {
    SparsePattern pattern = plan.pattern();
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
    return new BlockIndex(
        clamped(Tensors.mul(numbers, pattern.every()).add(origin), plan),
        number.le(bound).logical_and(recent.logical_or(sink)));
  }

  /** Columns that nobody sees may lie beside the sequence: they get any key that is there. */
  private static Tensor clamped(Tensor positions, BlockPlan plan) {
    return Positions.atMost(Positions.atLeast(positions, 0), plan.before() + plan.time() - 1);
  }
}
