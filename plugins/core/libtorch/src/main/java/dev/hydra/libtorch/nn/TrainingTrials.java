package dev.hydra.libtorch.nn;

import static dev.hydra.libtorch.nn.FusedTrial.BATCH;
import static dev.hydra.libtorch.nn.FusedTrial.TIME;
import static dev.hydra.libtorch.nn.FusedTrial.WIDTH;
import static dev.hydra.libtorch.nn.FusedTrial.training;

import dev.hydra.libtorch.runtime.Tensors;
import java.util.List;
import java.util.Optional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** The operators of this package that training uses, to be tried, see {@link FusedTrial}. */
final class TrainingTrials {
  private static final double EPSILON = 1e-5;
  private static final long HEADS = 2;

  /** What experts there are, choices of a decision, and tokens that share one. */
  private static final long EXPERTS = 5;

  private static final long CHOICES = 2;
  private static final int SPAN = 2;

  private static final String SUMS = "column_sums.cu";

  private TrainingTrials() {}

  static List<FusedTrial> all() {
    List<String> gatedNorm = List.of("gated_norm.cu", "gated_norm_backward.cu", SUMS);
    List<String> gate = List.of("gated_activation.cu");
    return List.of(
        training(
            "causal convolution",
            List.of("document_masks.cu", "causal_conv.cu", "causal_conv_backward.cu", SUMS),
            in -> convolved(in[0], in[2])),
        training(
            "RMS norm of a sum",
            List.of("rms_norm.cu", "rms_norm_backward.cu", SUMS),
            in -> both(summed(in[0], Optional.of(in[1]), scale(in[2])))),
        training(
            "RMS norm of a gated sum",
            List.of("stream_norm.cu", "stream_norm_backward.cu", SUMS),
            in -> both(gatedStream(in))),
        training(
            "RMS norm behind a gate of tokens",
            List.of("token_gate_norm.cu", "token_gate_norm_backward.cu", SUMS),
            in -> both(tokenGatedStream(in))),
        training(
            "gated sum",
            List.of("gated_sum.cu", SUMS),
            in -> new GatedAddend(in[1], numbers(in[2], 0, 1), 0.5).addTo(in[0])),
        training("gate of tokens", List.of("token_gate.cu", SUMS), TrainingTrials::gatedTokens),
        training(
            "gated RMS norm",
            gatedNorm,
            in -> new RmsNorm(scale(in[2]), 3, EPSILON).ofGated(in[0], in[1]).tensor()),
        training(
            "gated RMS norm and a map",
            gatedNorm,
            in ->
                new RmsNorm(scale(in[2]), 3, EPSILON)
                    .ofGated(in[0], in[1])
                    .linear(in[1].select(0, 0).narrow(0, 0, WIDTH))),
        training("SwiGLU", gate, in -> GatedActivation.SILU.apply(in[0], in[1]).tensor()),
        training(
            "GEGLU",
            gate,
            in -> GatedActivation.GELU.ofHalves(Tensors.cat(-1, in[0], in[1])).tensor()),
        training(
            "SwiGLU and a map",
            gate,
            in ->
                GatedActivation.SILU
                    .apply(in[0], in[1])
                    .linear(in[1].select(0, 0).narrow(0, 0, WIDTH))),
        training(
            "rotary positions",
            List.of("rotation.cu"),
            in -> rotation(in[0]).apply(heads(in[0]), Tensors.type(in[0])).flatten(2, 3)),
        training(
            "rotary positions of a norm",
            List.of("normed_rotation.cu", SUMS),
            in ->
                rotation(in[0])
                    .ofNorm(
                        heads(in[0]),
                        scale(in[2]).narrow(0, 0, WIDTH / HEADS),
                        EPSILON,
                        Tensors.type(in[0]))
                    .flatten(2, 3)),
        training(
            "embedding",
            List.of("embedding.cu", "row_sums.cu"),
            in -> embedded(in[0], in[1].reshape(-1, WIDTH))),
        training(
            "cross-entropy",
            List.of("cross_entropy.cu"),
            in -> lost(in[0], in[1].reshape(-1, WIDTH))),
        training("products of groups", List.of("grouped_product.cu"), in -> grouped(in[0], in[1])),
        training(
            "tokens to experts and back",
            List.of("expert_places.cu", "expert_rows.cu"),
            TrainingTrials::dispatched));
  }

  private static Tensor convolved(Tensor x, Tensor weight) {
    Optional<Tensor> documents;
    try (Scalar length = new Scalar(7L)) {
      Tensor number = Tensors.range(0, TIME, x).floor_divide(length);
      documents = Optional.of(number.repeat(BATCH, 1));
    }
    ConvInput in = new ConvInput(x, weight, Optional.empty(), documents, Optional.empty());
    return FusedConv.of(in)
        .map(fused -> fused.compute(in, documents.map(fused::masks)))
        .orElseGet(() -> ConvFunction.compute(in));
  }

  private static Norms.Summed summed(Tensor stream, Optional<Tensor> addend, Tensor weight) {
    return Norms.rmsOfStream(stream, addend, weight, EPSILON, ScalarType.Float);
  }

  private static Tensor both(Norms.Summed summed) {
    return summed.normed().add(summed.sum());
  }

  private static Norms.Summed gatedStream(Tensor... in) {
    Tensor weight = scale(in[2]);
    List<GatedAddend> addends =
        List.of(
            new GatedAddend(in[1], numbers(in[2], 0, 1), 0.5),
            new GatedAddend(in[1].flip(1), numbers(in[2], 1, 1), 2));
    return normed(in[0], addends, Optional.empty(), weight);
  }

  private static Norms.Summed tokenGatedStream(Tensor... in) {
    List<GatedAddend> addends =
        List.of(new GatedAddend(in[1].flip(1), numbers(in[2], WIDTH + 1, 1), 0.5));
    TokenGatedAddend last =
        new TokenGatedAddend(in[0], asking(in[2]), numbers(in[2], WIDTH, 1), in[1], 2, gates -> {});
    return normed(in[0], addends, Optional.of(last), scale(in[2]));
  }

  private static Norms.Summed normed(
      Tensor stream, List<GatedAddend> addends, Optional<TokenGatedAddend> last, Tensor weight) {
    return Norms.rmsOfGated(stream, addends, last, weight, EPSILON, ScalarType.Float)
        .orElseGet(
            () -> {
              Tensor sum = stream;
              for (GatedAddend each : addends) {
                sum = each.addTo(sum);
              }
              Tensor before = sum;
              return summed(
                  last.map(each -> each.plain(before)).orElse(before), Optional.empty(), weight);
            });
  }

  private static Tensor gatedTokens(Tensor... in) {
    Tensor weight = asking(in[2]);
    Tensor bias = numbers(in[2], WIDTH, 1);
    return FusedTokenGate.compute(in[0], weight, bias, in[1], 0.5, in[0], List.of())
        .map(FusedTokenGate.Gated::values)
        .orElseGet(
            () -> {
              Tensor gates = Tensors.linear(in[0], weight, bias).sigmoid();
              return in[0].add(Tensors.mul(in[1].mul(gates), 0.5));
            });
  }

  /** The weight of a gate of tokens. */
  private static Tensor asking(Tensor weights) {
    return Tensors.mul(numbers(weights, 0, WIDTH), 1 / Math.sqrt(WIDTH)).view(1, -1);
  }

  private static Rotation rotation(Tensor x) {
    Tensor angles = Tensors.range(0, TIME * WIDTH / 8, x).view(1, TIME, 1, -1).to(Tensors.type(x));
    return new Rotation(angles.cos(), angles.sin());
  }

  private static Tensor heads(Tensor x) {
    return x.unflatten(2, HEADS, -1);
  }

  /** Two thirds of the tokens are the same one. */
  private static Tensor embedded(Tensor x, Tensor table) {
    Tensor tokens = Tensors.range(0, BATCH * TIME, table);
    try (Scalar often = new Scalar(2L * BATCH * TIME / 3)) {
      tokens = tokens.clamp_min(often).view(BATCH, TIME);
    }
    return Embedding.of(table, tokens, Optional.empty(), ScalarType.Float, 3).mul(x);
  }

  /** Every token has a class of its own. */
  private static Tensor lost(Tensor hidden, Tensor weight) {
    return LinearCrossEntropy.of(hidden, weight, 1, Tensors.range(0, BATCH * TIME, hidden));
  }

  /** Two groups of rows, of which the first has fewer, each with a matrix. */
  private static Tensor grouped(Tensor x, Tensor weights) {
    long fewer = TIME / 4;
    Tensor ends = Tensors.mul(Tensors.range(0, BATCH, x), TIME + fewer);
    return GroupedLinear.apply(
            x.flatten(0, 1),
            weights.narrow(1, 0, WIDTH),
            Tensors.add(ends, TIME - fewer).to(ScalarType.Int))
        .view(BATCH, TIME, -1);
  }

  /** Decisions for pairs of tokens, and what else is added. */
  private static Tensor dispatched(Tensor... in) {
    long pairs = BATCH * TIME / SPAN * CHOICES;
    Tensor chosen;
    try (Scalar experts = new Scalar(EXPERTS)) {
      Tensor scattered = Tensors.mul(Tensors.range(0, pairs, in[0]), 7);
      chosen = scattered.remainder(experts).view(-1, CHOICES);
    }
    ExpertDispatch dispatch = ExpertDispatch.of(chosen, EXPERTS, SPAN);
    Tensor rows = dispatch.spread(in[0].flatten(0, 1));
    Tensor weights = numbers(in[2], 0, pairs).view(-1, CHOICES);
    return dispatch
        .combine(rows.mul(rows), weights, Optional.of(in[1].flatten(0, 1)))
        .view(BATCH, TIME, -1);
  }

  private static Tensor scale(Tensor weights) {
    return weights.select(2, 0).flatten();
  }

  /** So many numbers of a tensor, side by side. */
  private static Tensor numbers(Tensor from, long first, long count) {
    return from.flatten().narrow(0, first, count);
  }
}
