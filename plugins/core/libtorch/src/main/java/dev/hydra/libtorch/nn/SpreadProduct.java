package dev.hydra.libtorch.nn;

import dev.hydra.libtorch.autograd.CustomFunction;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;

/**
 * Tokens by the matrices of their experts, of tokens that are read where they are: their copies,
 * one for each choice, are neither written nor kept. Its twin is to {@link ExpertDispatch#spread}
 * tokens, and then {@link GroupedLinear}.
 */
final class SpreadProduct extends CustomFunction {
  private static final int TOKENS = 0;
  private static final int WEIGHTS = 1;
  private static final int ORDER = 2;
  private static final int PLACES = 3;
  private static final int ENDS = 4;

  private final ChunkProducts products;
  private final FusedDispatch moves;
  private final int choices;
  private final int span;
  private final Optional<GradientSum> shared;

  private SpreadProduct(
      ChunkProducts products,
      FusedDispatch moves,
      int choices,
      int span,
      Optional<GradientSum> shared) {
    this.products = products;
    this.moves = moves;
    this.choices = choices;
    this.span = span;
    this.shared = shared;
  }

  /**
   * Chooses: gives the function of tokens, weights, order, places and ends if its kernels can be
   * used.
   */
  static Optional<SpreadProduct> of(Tensor tokens, Tensor weights, ExpertDispatch dispatch) {
    int choices = dispatch.topK();
    int span = dispatch.span();
    return FusedDispatch.of(tokens)
        .flatMap(
            moves ->
                GroupedLinear.chunks(weights, tokens.size(0) * choices, span)
                    .map(
                        products ->
                            new SpreadProduct(
                                products, moves, choices, span, GradientSum.behind(tokens))));
  }

  @Override
  protected Tensor[] forward(Context context, Tensor... inputs) {
    Tensor tokens = inputs[TOKENS].contiguous();
    Tensor weights = inputs[WEIGHTS].contiguous();
    Tensor order = inputs[ORDER];
    Tensor ends = inputs[ENDS];
    context.save(tokens, weights, order, inputs[PLACES], ends);
    return new Tensor[] {products.ofTokens(tokens, weights, ends, order, choices, span)};
  }

  @Override
  protected void backward(Context context, Gradients gradients) {
    Tensor arrived = gradients.of(0).contiguous();
    Tensor ends = context.saved(ENDS);
    if (context.needsGrad(TOKENS)) {
      Tensor ofRows = products.ofRows(arrived, context.saved(WEIGHTS), ends);
      moves.give(gradients, TOKENS, ofRows, context.saved(PLACES), choices, span, shared);
    }
    if (context.needsGrad(WEIGHTS)) {
      Tensor tokens = context.saved(TOKENS);
      gradients.give(
          WEIGHTS, products.ofWeights(arrived, tokens, ends, context.saved(ORDER), choices, span));
    }
  }
}
