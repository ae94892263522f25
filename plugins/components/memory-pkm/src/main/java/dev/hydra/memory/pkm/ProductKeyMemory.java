package dev.hydra.memory.pkm;

import dev.hydra.api.Init;
import dev.hydra.api.Memory;
import dev.hydra.api.ParameterSpec;
import dev.hydra.api.Pass;
import dev.hydra.api.Site;
import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.nn.Linear;
import dev.hydra.libtorch.nn.Norms;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Product-key memory (Lample et al. 2019, arXiv 1907.05242): each head of each token reads the
 * {@code topK} best of {@code keys * keys} value rows.
 *
 * <pre>
 *   q_h = norm(W_h x)                       one query per head, [keyDim]
 *   I_h = topK of q_h . key_r over rows r   by {@link ProductKeys}
 *   w_h = softmax of the scores in I_h
 *   y   = W_o sum_h sum_{r in I_h} w_hr value_r
 * </pre>
 *
 * <p>The paper normalises queries over the batch. That would let a token see others, later ones
 * included, so this memory normalises each query by itself ({@link QueryNorm}). Scores are computed
 * in float32 because a rounded score chooses another row. All heads share the value table, as in
 * the paper; the output projection is this project's, because values may be narrower than the
 * hidden states. How much a block uses what was read is up to the gate of the path that this memory
 * stands in.
 *
 * <p>A forward takes memory for {@code 2 * keys} half scores per token and head and for one read
 * per token, never for {@code keys * keys} scores or for copies of the rows read. The gradient of
 * the value table is sparse: it holds the rows read, not the table.
 *
 * <p>Sites may share a value table; each has queries and keys of its own, and so its own way to
 * find rows.
 */
final class ProductKeyMemory implements Memory {
  private static final double EPSILON = 1e-6;

  private final int heads;
  private final int keyDim;
  private final ProductKeys keys;
  private final Linear query;
  private final Optional<Tensor> queryNorm;
  private final Tensor values;
  private final Linear out;

  ProductKeyMemory(Site site) {
    heads = site.get(ProductKeyMemoryFactory.HEADS);
    keyDim = site.get(ProductKeyMemoryFactory.KEY_DIM);
    int width = site.width();
    int half = keyDim / 2;
    long keyCount = site.get(ProductKeyMemoryFactory.KEYS);
    int valueDim = site.get(ProductKeyMemoryFactory.VALUE_DIM);

    query = map(site, "query", 1 / Math.sqrt(width), (long) heads * keyDim, width);
    queryNorm =
        site.get(ProductKeyMemoryFactory.QUERY_NORM) == QueryNorm.RMS
            ? Optional.of(
                site.parameter(
                    ParameterSpec.of("query_norm.weight", Init.ones(), heads, keyDim)
                        .inFp32()
                        .withoutDecay()))
            : Optional.empty();
    double bound = 1 / Math.sqrt(half);
    Tensor subKeys =
        site.parameter(
            ParameterSpec.of("keys", Init.uniform(-bound, bound), heads, 2, keyCount, half)
                .inFp32());
    keys = new ProductKeys(subKeys, site.get(ProductKeyMemoryFactory.TOP_K));
    ParameterSpec table =
        ParameterSpec.table(
            "values.weight", Init.normal(1 / Math.sqrt(valueDim)), keyCount * keyCount, valueDim);
    values = values(site, table);
    out = map(site, "out_proj", 1 / Math.sqrt(2.0 * site.depth() * valueDim), width, valueDim);
  }

  private static Linear map(Site site, String name, double deviation, long to, long from) {
    return new Linear(
        site.parameter(name + ".weight", Init.normal(deviation), to, from), Optional.empty());
  }

  private static Tensor values(Site site, ParameterSpec table) {
    Optional<String> group = site.get(ProductKeyMemoryFactory.SHARED);
    try {
      return group.isPresent() ? site.shared(group.get(), table) : site.parameter(table);
    } catch (IllegalArgumentException e) {
      throw site.invalid(
          ProductKeyMemoryFactory.SHARED,
          "memories that share a table must have the same keys and value-dim, but "
              + e.getMessage());
    }
  }

  @Override
  public Tensor forward(Tensor x, Pass pass) {
    long batch = x.size(0);
    long time = x.size(1);
    ProductKeys.Hits hits = keys.search(queries(x));
    if (pass.observing()) {
      observe(hits, pass);
    }
    Tensor rows = hits.rows().transpose(0, 1).flatten(1, 2);
    Tensor weights = hits.weights().transpose(0, 1).flatten(1, 2);
    Tensor read = TableRead.of(values, rows, weights, Tensors.type(x));
    return out.apply(read).view(batch, time, -1);
  }

  /** float32 [batch * time, heads, keyDim]. */
  private Tensor queries(Tensor x) {
    Tensor raw = query.apply(x);
    ScalarType type = Tensors.type(x) == ScalarType.Double ? ScalarType.Double : ScalarType.Float;
    return queryNorm
        .map(scale -> Norms.rmsOfGroups(raw, scale, EPSILON, type))
        .orElseGet(() -> Tensors.upcast(raw))
        .view(-1, heads, keyDim);
  }

  /**
   * Which rows this pass read, by their share of the weights; and how evenly it used them, as the
   * paper measures it: usage and KL.
   */
  private void observe(ProductKeys.Hits hits, Pass pass) {
    try (Grad off = Grad.off()) {
      Tensor weights = hits.weights().flatten();
      long rows = values.size(0);
      Tensor access =
          Tensors.zeros(weights, rows)
              .index_add(0, hits.rows().flatten(), weights)
              .div(weights.sum());
      pass.observe("rows", access.to_sparse());
      pass.observe("usage", access.sign().mean());
      pass.observe("kl", Tensors.add(access.xlogy(access).sum(), Math.log((double) rows)));
    }
  }
}
