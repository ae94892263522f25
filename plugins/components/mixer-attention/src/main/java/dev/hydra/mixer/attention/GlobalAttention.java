package dev.hydra.mixer.attention;

import dev.hydra.libtorch.runtime.Scopes;
import java.util.stream.LongStream;
import java.util.stream.Stream;

/**
 * Attention of blocks of queries to the globals of a {@link BlockIndex}, whose keys are looked up
 * for each block. Backward computes the scores again.
 */
record GlobalAttention(DenseAttention dense, BlockPlan plan) {
  /** Queries that are computed at once: scores of more would only fill memory. */
  private static final long AT_ONCE = 2048;

  private Stream<GlobalBlocks> groups(BlockIndex index) {
    long size = Math.max(1, AT_ONCE / plan.block());
    return LongStream.iterate(0, first -> first < plan.blocks(), first -> first + size)
        .mapToObj(
            first -> new GlobalBlocks(plan, index, first, Math.min(first + size, plan.blocks())));
  }

  /**
   * Attends.
   *
   * @param index where each block's globals stand among the keys, and who sees them
   */
  Partial forward(Qkv x, BlockIndex index) {
    return Partial.join(
        groups(index)
            .map(group -> () -> group.joined(dense.forward(group.of(x), group.visible(x)))));
  }

  /** The gradients that come through the globals. */
  Qkv backward(Qkv x, BlockIndex index, Upstream upstream) {
    Qkv sums = x.zeros();
    groups(index).forEach(group -> Scopes.run(() -> add(group, x, upstream, sums)));
    return sums;
  }

  private void add(GlobalBlocks group, Qkv x, Upstream upstream, Qkv sums) {
    group.place(dense.backward(group.of(x), group.visible(x), group.of(upstream)), sums);
  }
}
