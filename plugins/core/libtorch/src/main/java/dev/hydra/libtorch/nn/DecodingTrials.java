package dev.hydra.libtorch.nn;

import static dev.hydra.libtorch.nn.FusedTrial.BATCH;
import static dev.hydra.libtorch.nn.FusedTrial.TAPS;
import static dev.hydra.libtorch.nn.FusedTrial.TIME;
import static dev.hydra.libtorch.nn.FusedTrial.WIDTH;
import static dev.hydra.libtorch.nn.FusedTrial.decoding;

import dev.hydra.api.Routing;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.List;
import java.util.Optional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** The operators of this package without gradients, to be tried, see {@link FusedTrial}. */
final class DecodingTrials {
  private static final long EXPERTS = 3;
  private static final long CHOICES = 2;
  private static final long HIDDEN = 16;
  private static final long GROUPS = 6;
  private static final int PARTS = 3;

  private DecodingTrials() {}

  static List<FusedTrial> all() {
    return List.of(
        decoding("a map of few rows", ScalarType.BFloat16, "few_rows.cu", DecodingTrials::mapped),
        decoding(
            "gated maps of few rows",
            ScalarType.BFloat16,
            "few_gated_rows.cu",
            DecodingTrials::gated),
        decoding(
            "a token's convolution", ScalarType.Float, "conv_step.cu", DecodingTrials::convolved),
        decoding(
            "a few tokens' experts",
            ScalarType.BFloat16,
            "expert_tokens.cu",
            DecodingTrials::experts),
        decoding("parts of groups", ScalarType.Float, "row_parts.cu", DecodingTrials::parts));
  }

  private static Tensor mapped(Tensor... in) {
    return map(in, 0).apply(in[0].select(1, 0));
  }

  private static Tensor gated(Tensor... in) {
    return GatedActivation.SILU.ofMaps(in[0].select(1, 0), map(in, 0), map(in, 1), 0.5).tensor();
  }

  /** A map to values of about the size of one. */
  private static Linear map(Tensor[] in, long which) {
    Tensor weight = Tensors.mul(in[1].select(0, which), 1 / Math.sqrt(WIDTH));
    return new Linear(weight, Optional.of(in[2].flatten().narrow(0, which * TIME, TIME)));
  }

  /** The result, and the inputs that are kept for the next token. */
  private static Tensor convolved(Tensor... in) {
    Tensor x = in[0].narrow(1, 0, 1);
    Tensor past = in[1].narrow(1, 0, TAPS - 1).transpose(1, 2).contiguous();
    Optional<Tensor> bias = Optional.of(in[2].flatten().narrow(0, 0, WIDTH));
    return FusedConvStep.of(x, in[2], bias, past)
        .map(step -> joined(step.compute(x, in[2], bias.orElse(null), past), past))
        .orElseGet(
            () -> {
              Tensor y =
                  ConvFunction.compute(
                      new ConvInput(
                          x, in[2], bias, Optional.empty(), Optional.of(past.transpose(1, 2))));
              Tensor inputs = Tensors.cat(2, past, x.transpose(1, 2));
              return joined(y, inputs.narrow(2, 1, TAPS - 1));
            });
  }

  private static Tensor joined(Tensor one, Tensor other) {
    return Tensors.cat(0, one.flatten(), other.flatten());
  }

  private static Tensor experts(Tensor... in) {
    Tensor tokens = in[0].select(1, 0);
    Tensor gateUp = matrices(in[1], 2 * HIDDEN, WIDTH);
    Tensor down = matrices(in[0], WIDTH, HIDDEN);
    Optional<Tensor> other = Optional.of(in[1].select(1, 0));
    Tensor chosen;
    try (Scalar experts = new Scalar(EXPERTS)) {
      Tensor choices = Tensors.range(1, 1 + BATCH * CHOICES, tokens).remainder(experts);
      chosen = choices.view(BATCH, 1, CHOICES);
    }
    Tensor weights = in[2].flatten().narrow(0, 0, BATCH * CHOICES).to(ScalarType.Float);
    Routing routing = new Routing(chosen, weights.view(BATCH, 1, CHOICES));
    return FusedExperts.compute(tokens, routing, gateUp, down, other)
        .orElseGet(
            () -> {
              ExpertDispatch dispatch = ExpertDispatch.of(routing, EXPERTS);
              Tensor both = GroupedLinear.apply(dispatch.spread(tokens), gateUp, dispatch.ends());
              Tensor units = GatedActivation.SILU.ofHalves(both).tensor();
              Tensor rows = GroupedLinear.apply(units, down, dispatch.ends());
              return dispatch.combine(rows, routing.weights(), other);
            });
  }

  /** One for each expert, which maps to values of about the size of one. */
  private static Tensor matrices(Tensor from, long out, long in) {
    Tensor numbers = from.flatten().narrow(0, 0, EXPERTS * out * in).view(EXPERTS, out, in);
    return Tensors.mul(numbers, 1 / Math.sqrt(in));
  }

  /** Where parts of groups end: few and short ones, so that one row too many is much. */
  private static Tensor parts(Tensor... in) {
    Tensor random = in[2].flatten().narrow(0, 0, GROUPS).abs();
    Tensor lengths = Tensors.mul(random, 100).to(ScalarType.Long);
    Tensor ends = lengths.cumsum(0).to(ScalarType.Int);
    Optional<Tensor> cut = RowParts.of(in[0]).map(cutter -> cutter.ends(ends, PARTS));
    return cut.orElseGet(() -> plainParts(lengths, ends)).to(ScalarType.Float);
  }

  /** A group's part p ends p + 1 of its parts behind its begin, rounded down. */
  private static Tensor plainParts(Tensor lengths, Tensor ends) {
    try (Scalar parts = new Scalar((long) PARTS)) {
      Tensor numbers = Tensors.range(1, 1 + PARTS, lengths);
      Tensor within = lengths.unsqueeze(1).mul(numbers).floor_divide(parts);
      return ends.sub(lengths).unsqueeze(1).add(within).flatten();
    }
  }
}
