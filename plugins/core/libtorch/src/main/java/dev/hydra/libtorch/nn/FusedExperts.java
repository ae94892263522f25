package dev.hydra.libtorch.nn;

import dev.hydra.api.Routing;
import dev.hydra.libtorch.kernels.Kernel.Grid;
import dev.hydra.libtorch.kernels.KernelSet;
import dev.hydra.libtorch.kernels.KernelSource;
import dev.hydra.libtorch.kernels.Kernels;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.bytedeco.pytorch.GradMode;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/**
 * A few tokens through their SwiGLU experts by two CUDA kernels that read the matrices where they
 * lie, without sorting tokens by experts, and as fast as memory is: decoding. Its twin are {@link
 * ExpertDispatch} and {@link GroupedLinear}.
 */
public final class FusedExperts {
  private static final KernelSet KERNELS =
      KernelSet.of(
          KernelSource.of(
              FusedExperts.class,
              "primitives.cu",
              "dependent_launch.cu",
              "vectors.cu",
              "activations.cu",
              "expert_tokens.cu"));

  /** Of more choices the matrices would be read too often. */
  private static final long MOST_PAIRS = 8;

  private static final int VECTOR_BYTES = 16;

  /** Threads of a block, as the program says. */
  private static final int THREADS = 256;

  private static final int WARPS = THREADS / 32;

  private FusedExperts() {}

  /**
   * Computes {@code other + sum over the chosen e of weight_e down_e (silu(gate_e x) * up_e x)}
   * where the kernels can: at most 8 choices of single tokens, without gradient, all in bfloat16 on
   * a CUDA device, where kernels are to be used. Else gives nothing.
   *
   * @param tokens [tokens, width]
   * @param routing a decision for each
   * @param gateUp [experts, 2 hidden, width], the gate first
   * @param down [experts, width, hidden]
   * @param other what else is added [tokens, width], if anything
   * @return [tokens, width]
   */
  public static Optional<Tensor> compute(
      Tensor tokens, Routing routing, Tensor gateUp, Tensor down, Optional<Tensor> other) {
    if (GradMode.is_enabled()
        || !Rows.wanted(tokens)
        || routing.span() != 1
        || routing.experts().numel() > MOST_PAIRS
        || tokens.numel() == 0
        || Tensors.type(routing.weights()) != ScalarType.Float
        || Stream.concat(Stream.of(tokens, gateUp, down), other.stream())
            .anyMatch(each -> Tensors.type(each) != ScalarType.BFloat16)
        || !gateUp.is_contiguous()
        || !down.is_contiguous()) {
      return Optional.empty();
    }
    int vector = VECTOR_BYTES / (int) tokens.element_size();
    if (VectorSize.of(ScalarType.BFloat16, tokens.size(1), List.of(gateUp, down)) != vector
        || down.size(2) % vector != 0) {
      return Optional.empty();
    }
    return KERNELS
        .usable(tokens, Map.of("ELEMENT_BF16", 1, "VECTOR", vector))
        .map(
            kernels ->
                launch(
                    kernels, Rows.fit(vector, tokens), routing, gateUp, down, other.orElse(null)));
  }

  private static Tensor launch(
      Kernels kernels,
      Tensor tokens,
      Routing routing,
      Tensor gateUp,
      Tensor down,
      @Nullable Tensor other) {
    Tensor chosen = routing.experts().contiguous();
    int choices = (int) chosen.size(-1);
    long pairs = chosen.numel();
    int experts = (int) down.size(0);
    int width = (int) down.size(1);
    int hidden = (int) down.size(2);
    Tensor units = Tensors.empty(tokens, ScalarType.BFloat16, pairs, hidden);
    Tensor y = Tensors.empty(tokens, ScalarType.BFloat16, tokens.size(0), width);
    kernels
        .get("expert_units")
        .launch(
            new Grid((hidden + WARPS - 1) / WARPS, pairs, 1, THREADS),
            tokens,
            tokens.stride(0),
            chosen,
            gateUp,
            units,
            width,
            hidden,
            experts,
            choices);
    kernels
        .get("expert_outputs")
        .launch(
            new Grid((width + WARPS - 1) / WARPS, tokens.size(0), 1, THREADS),
            units,
            chosen,
            routing.weights().contiguous(),
            down,
            other == null ? null : other.contiguous(),
            y,
            width,
            hidden,
            experts,
            choices);
    return y;
  }
}
