package dev.hydra.memory.workspace;

import dev.hydra.api.Init;
import dev.hydra.api.ParameterSpec;
import dev.hydra.api.Site;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Optional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/** Decides what chunks write: equations (1) to (3) of {@link Workspace}, all chunks at once. */
final class SlotWriter {
  /**
   * What each chunk writes, in float32 at least.
   *
   * @param gate how far each slot is overwritten [batch, chunks, slots], between 0 and 1
   * @param content what is written, the tanh of what each slot found [batch, chunks, slots, dim]
   */
  record Writes(Tensor gate, Tensor content) {}

  // The binary logarithm of the gates in a new model: half of the first slot is overwritten by each
  // chunk, a 32nd part of the last one.
  private static final double FASTEST = -1;
  private static final double SLOWEST = -5;

  private final SlotShape shape;
  private final Tensor key;
  private final Tensor value;
  private final Tensor gate;
  private final Tensor gateBias;

  SlotWriter(Site site) {
    int slots = site.get(WorkspaceFactory.SLOTS);
    int heads = site.get(WorkspaceFactory.HEADS);
    int dim = site.get(WorkspaceFactory.DIM);
    shape = new SlotShape(site.get(WorkspaceFactory.CHUNK), slots, heads, dim / heads);
    int width = site.width();
    Init map = Init.normal(1 / Math.sqrt(width));
    key = site.parameter("write_key.weight", map, (long) heads * slots, width);
    value = site.parameter("write_value.weight", map, dim, width);
    gate = site.parameter(ParameterSpec.of("write_gate.weight", Init.zeros(), slots, dim).inFp32());
    gateBias =
        site.parameter(
            ParameterSpec.of("write_gate.bias", (bias, random) -> spread(bias), slots).inFp32());
  }

  /** Gates spread evenly in their logarithm, so that slots forget at different paces. */
  private static void spread(Tensor bias) {
    try (Scalar from = new Scalar(FASTEST);
        Scalar to = new Scalar(SLOWEST)) {
      bias.copy_(torch.linspace(from, to, bias.size(0)).exp2().logit());
    }
  }

  /**
   * What the chunks that x begins with write.
   *
   * @param x [batch, at least chunks * chunk, width]
   * @param chunks how many, at least one
   */
  Writes write(Tensor x, long chunks) {
    return FusedSlotWrites.of(x, gate, shape)
        .map(
            fused ->
                fused.compute(
                    Tensors.linear(x, key), Tensors.linear(x, value), gate, gateBias, chunks))
        .orElseGet(() -> plain(Tensors.slice(x, 1, 0, chunks * shape.chunk())));
  }

  /**
   * Takes one more token of each of several texts among those of its chunk, and writes to the slots
   * where that is complete, all in place: by CUDA kernels, or not at all.
   *
   * @param x [texts, 1, width]
   * @param positions int64 [texts]: the tokens of each before
   * @param pending the tokens of the chunks that are not complete [texts, chunk, width]
   * @param slots [texts, slots, dim]
   * @param some whether any chunk may be complete
   * @return whether it was done
   */
  boolean step(Tensor x, Tensor positions, Tensor pending, Tensor slots, boolean some) {
    Optional<FusedSlotStep> fused = FusedSlotStep.of(x, pending, slots, gate, shape);
    fused.ifPresent(
        step -> {
          step.take(x, positions, pending);
          if (some) {
            Tensor keys = Tensors.linear(pending, key);
            Tensor values = Tensors.linear(pending, value);
            step.write(keys, values, gate, gateBias, positions, slots);
          }
        });
    return fused.isPresent();
  }

  /** Computes by LibTorch's operators, of complete chunks. */
  private Writes plain(Tensor x) {
    return plain(Tensors.linear(x, key), Tensors.linear(x, value), gate, gateBias, shape);
  }

  /**
   * Computes from the projections on.
   *
   * @param keys [batch, chunks * chunk, heads * slots]
   * @param values [batch, chunks * chunk, dim]
   */
  static Writes plain(Tensor keys, Tensor values, Tensor gate, Tensor gateBias, SlotShape shape) {
    Tensor scores = byHead(keys, shape).transpose(-1, -2);
    Tensor weights = Tensors.upcast(scores).softmax(-1);
    Tensor read = Tensors.cast(weights, Tensors.type(values)).matmul(byHead(values, shape));
    Tensor summary = Tensors.upcast(read.transpose(2, 3).flatten(3, 4));
    return new Writes(summary.mul(gate).sum(-1).add(gateBias).sigmoid(), summary.tanh());
  }

  /** [batch, chunks * chunk, heads * n] to [batch, chunks, heads, chunk, n]. */
  private static Tensor byHead(Tensor x, SlotShape shape) {
    return x.unflatten(2, shape.heads(), -1).unflatten(1, -1, shape.chunk()).transpose(2, 3);
  }
}
