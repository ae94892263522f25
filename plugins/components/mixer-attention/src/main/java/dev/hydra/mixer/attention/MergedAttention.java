package dev.hydra.mixer.attention;

import dev.hydra.libtorch.autograd.CustomFunction;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;

/**
 * Attention to a window and to globals, computed apart and merged by their normalisers. For
 * backward only inputs, result and normaliser are kept.
 */
final class MergedAttention extends CustomFunction {
  private final LocalAttention local;
  private final Optional<GlobalAttention> global;
  private final boolean packed;
  private final long firstLocal;

  private MergedAttention(
      LocalAttention local, Optional<GlobalAttention> global, boolean packed, long firstLocal) {
    this.local = local;
    this.global = global;
    this.packed = packed;
    this.firstLocal = firstLocal;
  }

  /**
   * Attends.
   *
   * @param x keys that only globals need come first
   * @param firstLocal how many of these there are
   * @param starts the first token of each token's document, int64 [batch, time], if there are any
   * @param global the globals if there are any
   * @param index their index; its positions are rows of the keys
   * @return [batch, time, heads, headDim] in the queries' type
   */
  static Tensor run(
      Qkv x,
      long firstLocal,
      LocalAttention local,
      Optional<Tensor> starts,
      Optional<GlobalAttention> global,
      Optional<BlockIndex> index) {
    List<Tensor> inputs = new ArrayList<>(List.of(x.q(), x.k(), x.v()));
    starts.ifPresent(inputs::add);
    index.ifPresent(i -> inputs.addAll(List.of(i.positions(), i.visible())));
    return new MergedAttention(local, global, starts.isPresent(), firstLocal)
        .apply(inputs.toArray(Tensor[]::new))[0];
  }

  /** What forward and backward are given alike. */
  private record Given(Qkv x, Optional<Tensor> starts, Optional<BlockIndex> index) {}

  private Given given(Tensor... inputs) {
    int next = packed ? 4 : 3;
    return new Given(
        new Qkv(inputs[0], inputs[1], inputs[2]),
        packed ? Optional.of(inputs[3]) : Optional.empty(),
        global.map(g -> new BlockIndex(inputs[next], inputs[next + 1])));
  }

  @Override
  protected Tensor[] forward(Context context, Tensor... inputs) {
    Given given = given(inputs);
    Partial near = local.forward(given.x.fromKey(firstLocal), given.starts);
    Partial all =
        given
            .index
            .map(index -> near.merge(global.orElseThrow().forward(given.x, index)))
            .orElse(near);
    Tensor out = Tensors.cast(all.out(), Tensors.type(given.x.q()));
    context.save(inputs);
    context.save(out, all.lse());
    return new Tensor[] {out};
  }

  @Override
  protected void backward(Context context, Gradients gradients) {
    Tensor[] inputs = new Tensor[3 + (packed ? 1 : 0) + (global.isPresent() ? 2 : 0)];
    Arrays.setAll(inputs, context::saved);
    Given given = given(inputs);
    Upstream upstream =
        new Upstream(
            context.saved(inputs.length), context.saved(inputs.length + 1), gradients.of(0));
    Qkv near = local.backward(given.x.fromKey(firstLocal), given.starts, upstream);
    Optional<Qkv> far =
        given.index.map(index -> global.orElseThrow().backward(given.x, index, upstream));
    gradients.give(0, sum(near.q(), far.map(Qkv::q)));
    gradients.give(1, sum(padded(near.k()), far.map(Qkv::k)));
    gradients.give(2, sum(padded(near.v()), far.map(Qkv::v)));
  }

  /** Keys that only globals need have no gradient from the window. */
  private Tensor padded(Tensor gradient) {
    return firstLocal == 0 ? gradient : Tensors.pad(gradient, 1, firstLocal, 0);
  }

  private static Tensor sum(Tensor near, Optional<Tensor> far) {
    return far.map(near::add).orElse(near);
  }
}
