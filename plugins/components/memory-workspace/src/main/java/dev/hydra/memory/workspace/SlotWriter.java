package dev.hydra.memory.workspace;

import dev.hydra.api.Init;
import dev.hydra.api.ParameterSpec;
import dev.hydra.api.Site;
import dev.hydra.libtorch.runtime.Tensors;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/** Decides what chunks write: equations (1) to (3) of {@link Workspace}, all chunks at once. */
final class SlotWriter {
  /**
   * What each chunk writes, in float32 at least.
   *
   * @param gate how far each slot is overwritten [batch, chunks, slots], between 0 and 1
   * @param summary what each slot found [batch, chunks, slots, dim]; its tanh is written
   */
  record Writes(Tensor gate, Tensor summary) {}

  // The binary logarithm of the gates in a new model: half of the first slot is overwritten by each
  // chunk, a 32nd part of the last one.
  private static final double FASTEST = -1;
  private static final double SLOWEST = -5;

  private final int slots;
  private final int heads;
  private final int chunk;
  private final Tensor key;
  private final Tensor value;
  private final Tensor gate;
  private final Tensor gateBias;

  SlotWriter(Site site) {
    slots = site.get(WorkspaceFactory.SLOTS);
    heads = site.get(WorkspaceFactory.HEADS);
    chunk = site.get(WorkspaceFactory.CHUNK);
    int dim = site.get(WorkspaceFactory.DIM);
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

  /** What the complete chunks x [batch, chunks * chunk, width] write. */
  Writes write(Tensor x) {
    Tensor scores = byHead(Tensors.linear(x, key)).transpose(-1, -2);
    Tensor weights = Tensors.upcast(scores).softmax(-1);
    Tensor values = byHead(Tensors.linear(x, value));
    Tensor read = Tensors.cast(weights, Tensors.type(x)).matmul(values);
    Tensor summary = Tensors.upcast(read.transpose(2, 3).flatten(3, 4));
    return new Writes(summary.mul(gate).sum(-1).add(gateBias).sigmoid(), summary);
  }

  /** [batch, chunks * chunk, heads * n] to [batch, chunks, heads, chunk, n]. */
  private Tensor byHead(Tensor x) {
    return x.unflatten(2, heads, -1).unflatten(1, -1, chunk).transpose(2, 3);
  }
}
