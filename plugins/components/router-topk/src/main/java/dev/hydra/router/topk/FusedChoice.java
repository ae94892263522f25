package dev.hydra.router.topk;

import dev.hydra.libtorch.autograd.CustomFunction;
import dev.hydra.libtorch.kernels.Kernel;
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
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/**
 * Scores, choice, weights, losses and load by one CUDA kernel, two for many rows, and one for
 * backward. Its twin is {@link Choice#plain}. Sums have a fixed order.
 */
final class FusedChoice extends CustomFunction {
  private static final KernelSet KERNELS =
      KernelSet.of(
          KernelSource.of(
              FusedChoice.class,
              "primitives.cu",
              "dependent_launch.cu",
              "expert_row.cu",
              "expert_choice.cu"));

  private static final int THREADS = 1024;
  private static final int WARP = 32;

  private static final String LANES = "LANES";
  private static final String ITEMS = "ITEMS";

  /** What a warp can hold. */
  static final long MOST_EXPERTS = 128;

  /** Rounds of rows that one block makes alone, and that each of several makes. */
  private static final int ALONE = 4;

  private static final int TOGETHER = 2;

  private static final int WEIGHTS = 1;
  private static final int BALANCE = 2;
  private static final int Z = 3;

  private final Kernels kernels;
  private final Choice choice;
  private final int lanes;
  private final int padded;

  /**
   * What was chosen.
   *
   * @param experts int64 [batch, time, k]
   * @param weights float32 [batch, time, k]
   * @param balanceLoss with its coefficient, a scalar
   * @param zLoss likewise
   * @param counts how many choices fell on each expert, float32 [experts], without gradient
   * @param entropy the mean entropy of the probabilities, a scalar without gradient
   */
  record Chosen(
      Tensor experts,
      Tensor weights,
      Tensor balanceLoss,
      Tensor zLoss,
      Tensor counts,
      Tensor entropy) {}

  private FusedChoice(Kernels kernels, Choice choice, int lanes, int items) {
    this.kernels = kernels;
    this.choice = choice;
    this.lanes = lanes;
    this.padded = lanes * items;
  }

  /**
   * Computes it where the kernels can: float32 on a CUDA device, of at most 128 experts, and they
   * are to be used there. Else gives nothing.
   *
   * @param logits [batch, time, experts]
   */
  static Optional<Chosen> compute(Choice choice, Tensor logits) {
    long experts = logits.size(2);
    if (!logits.is_cuda()
        || isInlined()
        || Tensors.type(logits) != ScalarType.Float
        || logits.numel() == 0
        || experts > MOST_EXPERTS) {
      return Optional.empty();
    }
    Map<String, Integer> macros = macros((int) experts);
    int lanes = macros.getOrDefault(LANES, 1);
    int items = macros.getOrDefault(ITEMS, 1);
    List<Tensor> inputs = new ArrayList<>(List.of(logits));
    choice.bias().ifPresent(bias -> inputs.add(bias.bias()));
    return KERNELS
        .usable(logits, macros)
        .map(found -> new FusedChoice(found, choice, lanes, items))
        .map(fused -> fused.apply(inputs.toArray(Tensor[]::new)))
        .map(of -> new Chosen(of[0], of[1], of[2], of[3], of[4].detach(), of[5].detach()));
  }

  /** What programs are compiled with that choose among so many experts. */
  static Map<String, Integer> macros(int experts) {
    int lanes = 1;
    while (lanes < experts && lanes < WARP) {
      lanes *= 2;
    }
    return Map.of("EXPERTS", experts, LANES, lanes, ITEMS, (experts + lanes - 1) / lanes);
  }

  @Override
  protected Tensor[] forward(Context context, Tensor... inputs) {
    Tensor logits = inputs[0].contiguous();
    @Nullable Tensor bias = inputs.length > 1 ? inputs[1].contiguous() : null;
    int count = (int) logits.size(2);
    long rows = logits.numel() / count;
    long[] sizes = Tensors.sizes(logits);
    sizes[2] = choice.topK();
    Tensor experts = Tensors.empty(logits, ScalarType.Long, sizes);
    Tensor weights = number(logits, sizes);
    Tensor balance = number(logits);
    Tensor z = number(logits);
    Tensor counts = number(logits, count);
    Tensor entropy = number(logits);
    Kernel kernel = kernels.get("expert_choice");
    int atOnce = THREADS / lanes;
    long rounds = Grid.count(rows, atOnce);
    long blocks =
        rounds <= ALONE ? 1 : Math.min(Grid.count(rounds, TOGETHER), kernel.blocksAtOnce(THREADS));
    @Nullable Tensor partials = blocks == 1 ? null : number(logits, blocks, 2L * padded + 2);
    float balanceFactor = (float) choice.balance().balanceLoss();
    float zFactor = (float) choice.balance().zLoss();
    kernel.launch(
        Grid.of(blocks, THREADS),
        logits,
        bias,
        rows,
        choice.topK(),
        choice.isSigmoid(),
        choice.isNormalized(),
        balanceFactor,
        zFactor,
        experts,
        weights,
        partials,
        counts,
        balance,
        z,
        entropy);
    if (partials != null) {
      kernels
          .get("expert_losses")
          .launch(
              Grid.of(1, THREADS),
              partials,
              (int) blocks,
              rows,
              choice.topK(),
              balanceFactor,
              zFactor,
              counts,
              balance,
              z,
              entropy);
    }
    context.save(logits, experts, counts);
    return new Tensor[] {experts, weights, balance, z, counts, entropy};
  }

  @Override
  protected void backward(Context context, Gradients gradients) {
    Tensor logits = context.saved(0);
    long rows = logits.numel() / logits.size(2);
    Tensor dLogits = number(logits, Tensors.sizes(logits));
    kernels
        .get("expert_choice_backward")
        .launch(
            Grid.of(Grid.count(rows, THREADS / lanes), THREADS),
            logits,
            context.saved(1),
            context.saved(2),
            arriving(gradients, WEIGHTS),
            arriving(gradients, BALANCE),
            arriving(gradients, Z),
            rows,
            choice.topK(),
            choice.isSigmoid(),
            choice.isNormalized(),
            (float) choice.balance().balanceLoss(),
            (float) choice.balance().zLoss(),
            dLogits);
    gradients.give(0, dLogits);
  }

  private static @Nullable Tensor arriving(Gradients gradients, int output) {
    return gradients.arrived(output) ? gradients.of(output).contiguous() : null;
  }

  private static Tensor number(Tensor like, long... sizes) {
    return Tensors.empty(like, ScalarType.Float, sizes);
  }
}
