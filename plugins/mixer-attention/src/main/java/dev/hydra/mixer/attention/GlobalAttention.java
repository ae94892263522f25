package dev.hydra.mixer.attention;

import dev.hydra.libtorch.Scopes;
import dev.hydra.libtorch.Tensors;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

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
    Tensor[][] parts =
        groups(index)
            .map(
                group ->
                    Scopes.keepAll(
                        () -> {
                          Partial part = dense.forward(group.of(x), group.visible(x));
                          return new Tensor[] {
                            group.joined(part.out()), group.joinedHeads(part.lse())
                          };
                        }))
            .toArray(Tensor[][]::new);
    return new Partial(
        Tensors.cat(1, Stream.of(parts).map(part -> part[0]).toArray(Tensor[]::new)),
        Tensors.cat(2, Stream.of(parts).map(part -> part[1]).toArray(Tensor[]::new)));
  }

  /** The gradients that come through the globals. */
  Qkv backward(Qkv x, BlockIndex index, Upstream upstream) {
    Qkv sums =
        new Qkv(
            torch.empty_like(Tensors.precise(x.q())),
            torch.zeros_like(Tensors.precise(x.k())),
            torch.zeros_like(Tensors.precise(x.v())));
    groups(index).forEach(group -> Scopes.run(() -> add(group, x, upstream, sums)));
    return sums;
  }

  private void add(GlobalBlocks group, Qkv x, Upstream upstream, Qkv sums) {
    group.place(dense.backward(group.of(x), group.visible(x), group.of(upstream)), sums);
  }
}
