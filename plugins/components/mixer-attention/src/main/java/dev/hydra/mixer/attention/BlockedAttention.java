package dev.hydra.mixer.attention;

import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Optional;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Tensor;

/**
 * A window by {@link DenseAttention} of one block of queries after the other to the slice of keys
 * that they see. Backward computes the scores again, so memory is linear.
 *
 * @param window positions that a query sees, its own included
 */
record BlockedAttention(DenseAttention dense, long window) implements LocalAttention {
  /** Larger blocks compute more pairs that the window hides, smaller ones run more operators. */
  private static final long LEAST = 32;

  private static final long MOST = 128;

  /** Of a head: where there are many keys, blocks are smaller. */
  private static final long MOST_SCORES = 1 << 22;

  /** Queries {@code from..to - 1} and the keys {@code first..end - 1} that one of them sees. */
  private record Block(long from, long to, long first, long end) {
    Qkv of(Qkv x) {
      return x.part(from, to, first, end);
    }
  }

  private Stream<Block> blocks(Qkv x) {
    long keys = Math.min(window, x.keys());
    long size = Math.max(LEAST, Math.min(Math.min(keys, MOST), MOST_SCORES / keys));
    long before = x.keys() - x.time();
    return LongStream.iterate(0, from -> from < x.time(), from -> from + size)
        .mapToObj(
            from -> {
              long to = Math.min(from + size, x.time());
              long first = Math.max(0, before + from - window + 1);
              return new Block(from, to, first, before + to);
            });
  }

  private Tensor visible(Block block, Qkv x, Optional<Tensor> starts) {
    long before = x.keys() - x.time();
    Tensor keys = Tensors.range(block.first, block.end, x.q());
    Tensor queries = Tensors.range(before + block.from, before + block.to, x.q()).unsqueeze(0);
    Tensor window = Positions.plus(queries, 1 - this.window);
    Tensor oldest =
        starts
            .map(first -> window.maximum(Tensors.slice(first, 1, block.from, block.to)))
            .orElse(window);
    return keys.ge(oldest.unsqueeze(2)).logical_and(keys.le(queries.unsqueeze(2)));
  }

  @Override
  public Partial forward(Qkv x, Optional<Tensor> starts) {
    return Partial.join(
        blocks(x).map(block -> () -> dense.forward(block.of(x), visible(block, x, starts))));
  }

  @Override
  public Qkv backward(Qkv x, Optional<Tensor> starts, Upstream upstream) {
    Qkv sums = x.zeros();
    blocks(x).forEach(block -> Scopes.run(() -> add(block, x, starts, upstream, sums)));
    return sums;
  }

  private void add(Block block, Qkv x, Optional<Tensor> starts, Upstream upstream, Qkv sums) {
    Qkv gradients =
        dense.backward(block.of(x), visible(block, x, starts), upstream.part(block.from, block.to));
    Qkv sum = block.of(sums);
    sum.q().copy_(gradients.q());
    sum.k().add_(gradients.k());
    sum.v().add_(gradients.v());
  }
}
