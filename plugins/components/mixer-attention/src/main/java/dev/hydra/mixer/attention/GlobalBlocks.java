package dev.hydra.mixer.attention;

import dev.hydra.libtorch.runtime.Tensors;
import org.bytedeco.pytorch.Tensor;

/**
 * Some consecutive blocks of a {@link BlockPlan} laid out as a batch: every block of every sequence
 * is a sequence of its own, with its globals for keys.
 *
 * @param first the first block
 * @param end the block after the last
 */
record GlobalBlocks(BlockPlan plan, BlockIndex index, long first, long end) {
  private long from() {
    return first * plan.block();
  }

  private long to() {
    return Math.min(end * plan.block(), plan.time());
  }

  private long padding() {
    return end * plan.block() - to();
  }

  /** The blocks' queries, and their globals' keys and values. */
  Qkv of(Qkv x) {
    Tensor rows = rows(x);
    return new Qkv(cut(x.q()), lookedUp(x.k(), rows), lookedUp(x.v(), rows));
  }

  /** What comes from these blocks' results. */
  Upstream of(Upstream upstream) {
    return new Upstream(cut(upstream.out()), cutHeads(upstream.lse()), cut(upstream.gradient()));
  }

  /** bool [batch blocks, block, globals]. */
  Tensor visible(Qkv x) {
    return Tensors.slice(index.visible(), 1, first, end)
        .expand(x.q().size(0), -1, -1, -1)
        .reshape(-1, plan.block(), plan.globals());
  }

  /** Cuts [batch, time, heads, headDim] to [batch blocks, block, heads, headDim]. */
  private Tensor cut(Tensor x) {
    return Tensors.pad(Tensors.slice(x, 1, from(), to()), 1, 0, padding())
        .reshape(-1, plan.block(), x.size(2), x.size(3));
  }

  /** Cuts [batch, heads, time] to [batch blocks, heads, block]. */
  private Tensor cutHeads(Tensor x) {
    return Tensors.pad(Tensors.slice(x, 2, from(), to()), 2, 0, padding())
        .reshape(x.size(0), x.size(1), -1, plan.block())
        .transpose(1, 2)
        .reshape(-1, x.size(1), plan.block());
  }

  /** The blocks' results as those of consecutive queries. */
  Partial joined(Partial blocks) {
    return new Partial(joined(blocks.out()), joinedHeads(blocks.lse()));
  }

  /** Undoes {@link #cut}. */
  private Tensor joined(Tensor blocks) {
    return Tensors.slice(
        blocks.reshape(-1, (end - first) * plan.block(), blocks.size(2), blocks.size(3)),
        1,
        0,
        to() - from());
  }

  /** Undoes {@link #cutHeads}. */
  private Tensor joinedHeads(Tensor blocks) {
    return Tensors.slice(
        blocks
            .reshape(-1, end - first, blocks.size(1), plan.block())
            .transpose(1, 2)
            .reshape(-1, blocks.size(1), (end - first) * plan.block()),
        2,
        0,
        to() - from());
  }

  /** Sets the gradients of these queries, and adds those of the keys and values. */
  void place(Qkv gradients, Qkv sums) {
    Tensor rows = rows(sums);
    Tensors.slice(sums.q(), 1, from(), to()).copy_(joined(gradients.q()));
    Tensors.addRows(table(sums.k()), rows, table(gradients.k().contiguous()));
    Tensors.addRows(table(sums.v()), rows, table(gradients.v().contiguous()));
  }

  /** Where the globals stand in the {@link #table} of the keys. */
  private Tensor rows(Qkv x) {
    long batch = x.k().size(0);
    Tensor offsets = Tensors.mul(Tensors.range(0, batch, x.k()), x.keys()).view(batch, 1, 1);
    return Tensors.slice(index.positions(), 1, first, end).add(offsets).reshape(-1);
  }

  private Tensor lookedUp(Tensor keys, Tensor rows) {
    return table(keys.contiguous())
        .index_select(0, rows)
        .view(-1, plan.globals(), keys.size(2), keys.size(3));
  }

  /** A view of contiguous keys with one row for each of each sequence. */
  private static Tensor table(Tensor keys) {
    return keys.view(-1, keys.size(2) * keys.size(3));
  }
}
