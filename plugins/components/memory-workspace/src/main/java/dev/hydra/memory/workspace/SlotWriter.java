package dev.hydra.memory.workspace;

import dev.hydra.api.Init;
import dev.hydra.api.ParameterSpec;
import dev.hydra.api.Site;
import dev.hydra.libtorch.nn.Linear;
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

  /**
   * Tokens as slots see them.
   *
   * @param keys [batch, tokens, heads * slots]
   * @param values [batch, tokens, dim]
   */
  record Tokens(Tensor keys, Tensor values) {
    /** Views of both side by side [batch, tokens, heads * slots + dim]. */
    static Tokens of(Tensor both, SlotShape shape) {
      long keys = (long) shape.heads() * shape.slots();
      return new Tokens(both.narrow(2, 0, keys), both.narrow(2, keys, shape.dim()));
    }

    /** Both side by side. */
    Tensor both() {
      return Tensors.cat(-1, keys, values);
    }

    /** The first of them. */
    Tokens first(long tokens) {
      return new Tokens(keys.narrow(1, 0, tokens), values.narrow(1, 0, tokens));
    }
  }

  // The binary logarithm of the gates in a new model: half of the first slot is overwritten by each
  // chunk, a 32nd part of the last one.
  private static final double FASTEST = -1;
  private static final double SLOWEST = -5;

  private final SlotShape shape;
  private final Linear key;
  private final Linear value;
  private final Tensor gate;
  private final Tensor gateBias;

  SlotWriter(Site site) {
    int slots = site.get(WorkspaceFactory.SLOTS);
    int heads = site.get(WorkspaceFactory.HEADS);
    int dim = site.get(WorkspaceFactory.DIM);
    shape = new SlotShape(site.get(WorkspaceFactory.CHUNK), slots, heads, dim / heads);
    int width = site.width();
    Init map = Init.normal(1 / Math.sqrt(width));
    Tensor ofKeys = site.parameter("write_key.weight", map, (long) heads * slots, width);
    key = new Linear(ofKeys, Optional.empty());
    value = new Linear(site.parameter("write_value.weight", map, dim, width), Optional.empty());
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

  /** The shape of what is kept of a token beside others. */
  SlotShape shape() {
    return shape;
  }

  /** The map to keys. */
  Linear key() {
    return key;
  }

  /** The map to values. */
  Linear value() {
    return value;
  }

  /** Projects tokens [batch, tokens, width]. */
  Tokens project(Tensor x) {
    Tensor[] both = Linear.applyAll(x, key, value);
    return new Tokens(both[0], both[1]);
  }

  /**
   * What the chunks that tokens begin with write.
   *
   * @param tokens at least {@code chunks * chunk}
   * @param chunks how many, at least one
   */
  Writes write(Tokens tokens, long chunks) {
    return FusedSlotWrites.of(tokens.keys(), gate, shape)
        .map(fused -> fused.compute(tokens.keys(), tokens.values(), gate, gateBias, chunks))
        .orElseGet(
            () -> {
              Tokens counted = tokens.first(chunks * shape.chunk());
              return plain(counted.keys(), counted.values(), gate, gateBias, shape);
            });
  }

  /**
   * Takes one more token of each of several texts among those of its chunk, and writes to the slots
   * where that is complete, all in place: by a CUDA kernel, or not at all.
   *
   * @param newest a token of each text
   * @param positions int64 [texts]: the tokens of each before
   * @param pending the tokens of the chunks that are not complete, keys and values side by side
   *     [texts, chunk, heads * slots + dim]
   * @param slots [texts, slots, dim]
   * @return whether it was done
   */
  boolean step(Tokens newest, Tensor positions, Tensor pending, Tensor slots) {
    Optional<FusedSlotStep> fused = FusedSlotStep.of(newest, pending, slots, gate, shape);
    fused.ifPresent(step -> step.run(newest, gate, gateBias, positions, pending, slots));
    return fused.isPresent();
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
