package dev.hydra.mixer.mamba;

import dev.hydra.libtorch.runtime.Tensors;
import java.util.Arrays;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * State-space duality (arXiv 2405.21060): the recurrence
 *
 * <pre>{@code
 * h[t] = exp(dt[t] * a) * h[t - 1] + dt[t] * x[t] B[t]^T
 * y[t] = h[t] C[t]
 * }</pre>
 *
 * computed in chunks (section 6): a masked quadratic form within each chunk, and states passed
 * between chunks. Decays are computed in the type of {@code dt}, products in the type of x.
 */
final class Ssd {
  /** Tokens that a CPU computes at once: enough for its cores, and little enough for its caches. */
  private static final long CPU_AT_ONCE = 4096;

  private Ssd() {}

  /**
   * What it returns.
   *
   * @param y [batch, time, heads, headDim] in the type of x
   * @param state after the last token [batch, heads, headDim, state] in the type of dt
   */
  record Output(Tensor y, Tensor state) {}

  /**
   * Computes any number of tokens, and adds what skips the recurrence: by CUDA kernels where they
   * can be used, else {@link #plain}.
   *
   * @param chunk the largest chunk of the plain path; the kernels have their own
   */
  static Output of(SsdInput in, int chunk) {
    return FusedSsd.of(in).map(fused -> fused.compute(in)).orElseGet(() -> plain(in, chunk));
  }

  /** Computes {@link #of} by LibTorch's operators. */
  static Output plain(SsdInput in, int chunk) {
    Output output = chunked(in.scan(), chunk);
    return new Output(in.skipping(output.y()), output.state());
  }

  /**
   * Computes any number of tokens in chunks.
   *
   * @param in x [batch, time, heads, headDim], dt [batch, time, heads], a [heads], b and c [batch,
   *     time, groups, state], where each group serves heads / groups heads, the initial state
   *     [batch, heads, headDim, state]
   * @param chunk the largest chunk
   */
  static Output chunked(ScanInput in, int chunk) {
    return ChunkedSsd.compute(in, chunk, in.x().is_cuda() ? Integer.MAX_VALUE : CPU_AT_ONCE);
  }

  /**
   * Computes {@link #of} for a single token, for decoding.
   *
   * @param inPlace whether the initial state becomes the one after it, unless it is of a smaller
   *     type than that
   */
  static Output step(SsdInput in, boolean inPlace) {
    Output output = step(in.scan(), inPlace);
    return new Output(in.skipping(output.y()), output.state());
  }

  /** Computes a single token as the recurrence says. */
  static Output step(ScanInput in, boolean inPlace) {
    ScalarType accumulationType = Tensors.type(in.dt());
    long groups = in.b().size(2);
    long shared = in.x().size(2) / groups;
    Tensor dt = in.dt().squeeze(1).unflatten(1, groups, shared).unsqueeze(-1);
    Tensor x = Tensors.cast(in.x().squeeze(1), accumulationType).unflatten(1, groups, shared);
    Tensor b = Tensors.cast(in.b().squeeze(1), accumulationType).unsqueeze(2).unsqueeze(3);
    Tensor c = Tensors.cast(in.c().squeeze(1), accumulationType).unsqueeze(-1);
    Tensor values = x.mul(dt).unsqueeze(-1);
    Tensor decay = dt.mul(in.a().view(groups, shared, 1)).exp().unsqueeze(-1);
    Tensor state =
        in.initial()
            .map(i -> i.unflatten(1, groups, shared))
            .map(i -> (inPlace ? i.mul_(decay) : i.mul(decay)).addcmul_(values, b))
            .orElseGet(() -> values.mul(b));
    // Heads that share B and C are one matrix.
    Tensor y = products(state.flatten(2, 3).flatten(0, 1), c.squeeze(-1).flatten(0, 1));
    return new Output(
        Tensors.cast(y, Tensors.type(in.x())).reshape(Tensors.sizes(in.x())), state.flatten(1, 2));
  }

  /**
   * The products [n, out] of matrices [n, out, in] and a vector [n, in] of each. On a CPU they are
   * made one by one, which takes a quarter of the time of a stack of them, and gives the same
   * numbers whatever else is in the stack.
   */
  private static Tensor products(Tensor matrices, Tensor vectors) {
    if (matrices.is_cuda()) {
      return matrices.bmm(vectors.unsqueeze(-1)).squeeze(-1);
    }
    Tensor[] products = new Tensor[Math.toIntExact(matrices.size(0))];
    Arrays.setAll(products, i -> matrices.select(0, i).mv(vectors.select(0, i)));
    return products.length == 1 ? products[0] : Tensors.cat(0, products);
  }
}
