package dev.hydra.mixer.attention;

import dev.hydra.api.Cost;
import dev.hydra.api.Init;
import dev.hydra.api.Option;
import dev.hydra.api.ParameterSpec;
import dev.hydra.api.Pass;
import dev.hydra.api.Site;
import dev.hydra.libtorch.nn.Linear;
import dev.hydra.libtorch.nn.Norms;
import dev.hydra.libtorch.nn.Rotation;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * What every kind of attention does before and after: hidden states to queries, keys and values,
 * and the heads' results back to hidden states. Layout and names as in Llama; the optional norm of
 * queries and keys as in Qwen3 (arXiv 2505.09388).
 */
final class Projections {
  /** Which projections add a bias. */
  enum Bias {
    NONE,
    QKV,
    ALL
  }

  static final Option<Bias> BIAS =
      Option.choice("bias", Bias.class, "which projections add a bias").orElse(Bias.NONE);
  static final Option<Boolean> QK_NORM =
      Option.flag("qk-norm", "whether queries and keys are RMS-normalised per head").orElse(false);
  static final Option<Double> QK_NORM_EPSILON =
      Option.decimal("qk-norm-epsilon", "what that norm adds to the mean of squares")
          .where(epsilon -> epsilon > 0, "above 0")
          .orElse(1e-6);
  static final Option<Optional<Double>> SCALE =
      Option.decimal("scale", "factor of the scores before the softmax")
          .where(scale -> scale > 0, "above 0")
          .optional("1 / sqrt(head-dim)");
  static final Option<Optional<Double>> SOFT_CAP =
      Option.decimal("soft-cap", "bound c of the scores, which become c tanh(score / c)")
          .where(cap -> cap > 0, "above 0")
          .optional("no bound");

  static final List<Option<?>> OPTIONS =
      Stream.of(
              HeadShape.OPTIONS,
              Rope.OPTIONS,
              List.of(BIAS, QK_NORM, QK_NORM_EPSILON, SCALE, SOFT_CAP))
          .<Option<?>>flatMap(List::stream)
          .toList();

  private final HeadShape shape;
  private final Rope rope;
  private final DenseAttention attention;
  private final double epsilon;
  private final Linear query;
  private final Linear key;
  private final Linear value;
  private final Linear output;
  private final Optional<Tensor> queryNorm;
  private final Optional<Tensor> keyNorm;

  Projections(Site site) {
    shape = HeadShape.of(site);
    rope = Rope.of(site, shape.headDim());
    attention =
        new DenseAttention(
            site.get(SCALE).orElseGet(() -> 1 / Math.sqrt(shape.headDim())), site.get(SOFT_CAP));
    epsilon = site.get(QK_NORM_EPSILON);
    if (site.settings().isSet(QK_NORM_EPSILON) && !site.get(QK_NORM)) {
      throw site.invalid(
          QK_NORM_EPSILON, "has no effect without qk-norm; set that or leave it out");
    }
    Bias bias = site.get(BIAS);
    boolean biased = bias != Bias.NONE;
    query = Linear.inner(site, "q_proj", shape.queryWidth(), site.width(), biased);
    key = Linear.inner(site, "k_proj", shape.keyWidth(), site.width(), biased);
    value = Linear.inner(site, "v_proj", shape.keyWidth(), site.width(), biased);
    output = Linear.outer(site, "o_proj", site.width(), shape.queryWidth(), bias == Bias.ALL);
    queryNorm = norm(site, "q_norm.weight");
    keyNorm = norm(site, "k_norm.weight");
  }

  private Optional<Tensor> norm(Site site, String name) {
    return site.get(QK_NORM)
        ? Optional.of(site.parameter(ParameterSpec.of(name, Init.ones(), shape.headDim()).inFp32()))
        : Optional.empty();
  }

  /** Scale and bound of the scores. */
  DenseAttention attention() {
    return attention;
  }

  /**
   * What is not turned yet.
   *
   * @param rotation by which queries and keys are to be turned, if they are
   */
  record Unturned(Qkv qkv, Optional<Rotation> rotation) {}

  /**
   * Queries, keys and values of hidden states, in the type that attention computes in.
   *
   * @param x [batch, time, width]
   * @param positions int64 [1 or batch, time]
   */
  Qkv in(Tensor x, Tensor positions, Pass pass) {
    Tensor[] heads = projected(x);
    ScalarType type = Attention.type(x);
    if (rope.dims() > 0) {
      Rotation rotation = rotation(x, positions, pass);
      return new Qkv(
          turned(heads[0], queryNorm, rotation, type),
          turned(heads[1], keyNorm, rotation, type),
          Tensors.cast(heads[2], type));
    }
    return cast(norm(heads[0], queryNorm), norm(heads[1], keyNorm), heads[2], type);
  }

  /** The same, for what turns queries and keys while it stores them. */
  Unturned unturned(Tensor x, Tensor positions, Pass pass) {
    if (rope.dims() == 0 || queryNorm.isPresent()) {
      return new Unturned(in(x, positions, pass), Optional.empty());
    }
    Tensor[] heads = projected(x);
    return new Unturned(
        cast(heads[0], heads[1], heads[2], Attention.type(x)),
        Optional.of(rotation(x, positions, pass)));
  }

  private Tensor[] projected(Tensor x) {
    Tensor[] projected = Linear.applyAll(x, query, key, value);
    return new Tensor[] {
      heads(projected[0], shape.heads()),
      heads(projected[1], shape.kvHeads()),
      heads(projected[2], shape.kvHeads())
    };
  }

  private Rotation rotation(Tensor x, Tensor positions, Pass pass) {
    ScalarType wide = Tensors.type(x) == ScalarType.Double ? ScalarType.Double : ScalarType.Float;
    return rope.shared(positions, wide, pass);
  }

  private static Qkv cast(Tensor q, Tensor k, Tensor v, ScalarType type) {
    return new Qkv(Tensors.cast(q, type), Tensors.cast(k, type), Tensors.cast(v, type));
  }

  /** Hidden states [batch, time, width] of the heads' results [batch, time, heads, headDim]. */
  Tensor out(Tensor heads) {
    Tensor joined = heads.reshape(heads.size(0), heads.size(1), shape.queryWidth());
    return output.apply(Tensors.cast(joined, Tensors.type(output.weight())));
  }

  private Tensor heads(Tensor projected, int heads) {
    return projected.view(projected.size(0), projected.size(1), heads, shape.headDim());
  }

  /** Heads, normalised if there are weights to do so, at their positions. */
  private Tensor turned(Tensor x, Optional<Tensor> weight, Rotation rotation, ScalarType type) {
    return weight
        .map(w -> rotation.ofNorm(x, w, epsilon, type))
        .orElseGet(() -> rotation.apply(x, type));
  }

  private Tensor norm(Tensor x, Optional<Tensor> weight) {
    return weight.map(w -> Norms.rms(x, w, epsilon, Tensors.type(w))).orElse(x);
  }

  /**
   * The cost of projecting so many tokens. Kept: the input, queries, keys and values, the heads'
   * results and, if there is one, the norms' input.
   */
  static Cost cost(Site site, double tokens) {
    HeadShape shape = HeadShape.of(site);
    double in = shape.queryWidth() + 2.0 * shape.keyWidth();
    double flops = 2 * tokens * site.width() * (in + shape.queryWidth());
    double normed = site.get(QK_NORM) ? shape.queryWidth() + shape.keyWidth() : 0;
    double kept = tokens * (site.width() + in + shape.queryWidth() + normed);
    return new Cost(flops, kept, 0, 0);
  }
}
