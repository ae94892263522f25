package dev.hydra.libtorch.nn;

import dev.hydra.libtorch.autograd.CustomFunction;
import dev.hydra.libtorch.kernels.Kernel.Grid;
import dev.hydra.libtorch.kernels.KernelSet;
import dev.hydra.libtorch.kernels.KernelSource;
import dev.hydra.libtorch.kernels.Kernels;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/**
 * Moves tokens to their experts and back by CUDA kernels, each token's rows added up where they are
 * read. Its twin are the plain operators of {@link ExpertDispatch}.
 *
 * @param kernels its kernels
 * @param type the type of the tokens
 */
record FusedDispatch(Kernels kernels, ScalarType type) {
  private static final KernelSet KERNELS =
      KernelSet.of(
          KernelSource.of(
              FusedDispatch.class,
              "primitives.cu",
              "dependent_launch.cu",
              "vectors.cu",
              "expert_rows.cu"));

  private static final int VECTOR_BYTES = 16;
  private static final int ROWS_OF_BLOCK = 8;
  private static final int THREADS = 256;

  /**
   * Chooses: gives the fused path for rows in float32 or bfloat16 on a CUDA device, of whole
   * vectors of 16 bytes, where kernels are to be used.
   *
   * @param rows [any number, width]
   */
  static Optional<FusedDispatch> of(Tensor rows) {
    ScalarType type = Tensors.type(rows);
    int vector = VECTOR_BYTES / (int) rows.element_size();
    if (!rows.is_cuda()
        || CustomFunction.isInlined()
        || !(type == ScalarType.Float || type == ScalarType.BFloat16)
        || rows.numel() == 0
        || rows.size(1) % vector != 0) {
      return Optional.empty();
    }
    Map<String, Integer> macros =
        Map.of("ELEMENT_BF16", type == ScalarType.BFloat16 ? 1 : 0, "VECTOR", vector);
    return KERNELS.usable(rows, macros).map(found -> new FusedDispatch(found, type));
  }

  /** Says whether the kernels take these weights and what is added, see {@link #combine}. */
  boolean takes(Tensor weights, Optional<Tensor> other) {
    return Tensors.type(weights) == ScalarType.Float
        && other.map(each -> Tensors.type(each) == type).orElse(true);
  }

  /** Computes {@link ExpertDispatch#spread}. */
  Tensor spread(Tensor tokens, ExpertDispatch dispatch) {
    return new Spread(this, dispatch.topK(), dispatch.span(), GradientSum.behind(tokens))
        .apply(tokens, dispatch.order(), dispatch.places())[0];
  }

  /** Computes {@link ExpertDispatch#combine}. */
  Tensor combine(Tensor computed, Tensor weights, Optional<Tensor> other, ExpertDispatch dispatch) {
    List<Tensor> inputs =
        new ArrayList<>(List.of(computed, weights, dispatch.order(), dispatch.places()));
    other.ifPresent(inputs::add);
    return new Combine(this, dispatch.topK(), dispatch.span(), other.isPresent())
        .apply(inputs.toArray(Tensor[]::new))[0];
  }

  /** Gives the gradient of tokens, an input, from that of their rows; shared is behind them. */
  void give(
      CustomFunction.Gradients gradients,
      int input,
      Tensor ofRows,
      Tensor places,
      int choices,
      int span,
      Optional<GradientSum> shared) {
    Tensor rows = fit(ofRows);
    GradientSum.Room room = GradientSum.room(shared, rows, type, gradients.sizes(input));
    @Nullable Tensor before = room.adds() ? room.tensor() : null;
    sum(rows, places, null, before, room.tensor(), choices, span);
    room.give(gradients, input);
  }

  /** Writes to tokens [rows / choices, width] the sums of their rows; they may be {@code other}. */
  private void sum(
      Tensor rows,
      Tensor places,
      @Nullable Tensor weights,
      @Nullable Tensor other,
      Tensor tokens,
      int choices,
      int span) {
    long count = rows.size(0) / choices;
    launch(
        "expert_combine",
        count,
        rows,
        places,
        weights,
        other,
        tokens,
        count,
        (int) rows.size(1),
        choices,
        span);
  }

  private void launch(String kernel, long rows, @Nullable Object... arguments) {
    long blocks = (rows + ROWS_OF_BLOCK - 1) / ROWS_OF_BLOCK;
    kernels.get(kernel).launch(Grid.of(blocks, THREADS), arguments);
  }

  private static Tensor fit(Tensor rows) {
    return VectorSize.fit(VECTOR_BYTES / (int) rows.element_size(), rows.contiguous());
  }

  /** Of tokens, order and places the rows. */
  private static final class Spread extends CustomFunction {
    private final FusedDispatch fused;
    private final int choices;
    private final int span;
    private final Optional<GradientSum> shared;

    Spread(FusedDispatch fused, int choices, int span, Optional<GradientSum> shared) {
      this.fused = fused;
      this.choices = choices;
      this.span = span;
      this.shared = shared;
    }

    @Override
    protected Tensor[] forward(Context context, Tensor... inputs) {
      Tensor tokens = fit(inputs[0]);
      long count = tokens.size(0) * choices;
      Tensor rows = Tensors.empty(tokens, fused.type, count, tokens.size(1));
      fused.launch(
          "expert_spread",
          count,
          tokens,
          inputs[1],
          rows,
          count,
          (int) tokens.size(1),
          choices,
          span);
      context.save(inputs[2]);
      return new Tensor[] {rows};
    }

    @Override
    protected void backward(Context context, Gradients gradients) {
      fused.give(gradients, 0, gradients.of(0), context.saved(0), choices, span, shared);
    }
  }

  /** Of rows, weights, order, places and what is added, if it is, the tokens. */
  private static final class Combine extends CustomFunction {
    private static final int OTHER = 4;

    private final FusedDispatch fused;
    private final int choices;
    private final int span;
    private final boolean added;

    Combine(FusedDispatch fused, int choices, int span, boolean added) {
      this.fused = fused;
      this.choices = choices;
      this.span = span;
      this.added = added;
    }

    @Override
    protected Tensor[] forward(Context context, Tensor... inputs) {
      Tensor rows = fit(inputs[0]);
      Tensor weights = inputs[1].contiguous();
      @Nullable Tensor other = added ? fit(inputs[OTHER]) : null;
      context.save(rows, weights, inputs[2]);
      Tensor tokens = Tensors.empty(rows, fused.type, rows.size(0) / choices, rows.size(1));
      fused.sum(rows, inputs[3], weights, other, tokens, choices, span);
      return new Tensor[] {tokens};
    }

    @Override
    protected void backward(Context context, Gradients gradients) {
      Tensor rows = context.saved(0);
      Tensor weights = context.saved(1);
      Tensor arriving = fit(gradients.of(0));
      Tensor rowGradients = torch.empty_like(rows);
      Tensor products = Tensors.empty(weights, ScalarType.Float, weights.numel(), span);
      fused.launch(
          "expert_combine_backward",
          rows.size(0),
          arriving,
          rows,
          context.saved(2),
          weights,
          rowGradients,
          products,
          rows.size(0),
          (int) rows.size(1),
          choices,
          span);
      gradients.give(0, rowGradients);
      gradients.give(1, products.sum(1).view(Tensors.sizes(weights)));
      if (added) {
        gradients.give(OTHER, gradients.of(0));
      }
    }
  }
}
