package dev.hydra.memory.workspace;

import dev.hydra.api.Init;
import dev.hydra.api.ParameterSpec;
import dev.hydra.api.Pass;
import dev.hydra.api.Site;
import dev.hydra.libtorch.nn.FusedTokenGate;
import dev.hydra.libtorch.nn.GradientSum;
import dev.hydra.libtorch.nn.Linear;
import dev.hydra.libtorch.nn.Norms;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.List;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;

/** Lets tokens read the slots: equations (5) to (7) of {@link Workspace}. */
final class SlotReader {
  private static final double EPSILON = 1e-6;

  /** A new model's tokens take a quarter of what they read: sigmoid(-1). */
  private static final double GATE_BIAS = -1;

  private final int heads;
  private final int chunk;
  private final Tensor norm;
  private final Linear query;
  private final Linear key;
  private final Tensor address;
  private final Tensor gate;
  private final Tensor gateBias;
  private final Linear out;

  SlotReader(Site site) {
    heads = site.get(WorkspaceFactory.HEADS);
    chunk = site.get(WorkspaceFactory.CHUNK);
    int slots = site.get(WorkspaceFactory.SLOTS);
    int dim = site.get(WorkspaceFactory.DIM);
    int width = site.width();
    norm = site.parameter(ParameterSpec.of("read_norm.weight", Init.ones(), dim).inFp32());
    query = map(site, "read_query", 1 / Math.sqrt(width), dim, width);
    key = map(site, "read_key", 1 / Math.sqrt(dim), dim, dim);
    address =
        site.parameter(ParameterSpec.of("read_address", Init.normal(1), slots, dim).withoutDecay());
    gate = site.parameter("read_gate.weight", Init.zeros(), 1, width);
    gateBias = site.parameter("read_gate.bias", Init.constant(GATE_BIAS), 1);
    out = map(site, "out_proj", 1 / Math.sqrt(2.0 * site.depth() * dim), width, dim);
  }

  private static Linear map(Site site, String name, double deviation, int to, int from) {
    return new Linear(
        site.parameter(name + ".weight", Init.normal(deviation), to, from), Optional.empty());
  }

  /**
   * Reads.
   *
   * @param x hidden states [batch, time, width]
   * @param offset where in its chunk the first of them stands
   * @param states the slots as each of the chunks that the tokens are in finds them [batch, chunks,
   *     slots, dim]
   */
  Tensor read(Tensor x, int offset, Tensor states, Pass pass) {
    return out(x, attend(query.apply(x), offset, states), pass);
  }

  /** The map to queries. */
  Linear query() {
    return query;
  }

  /**
   * Reads for single tokens, which all are in their first chunk.
   *
   * @param x hidden states [batch, 1, width]
   * @param queries theirs [batch, 1, dim]
   * @param states the slots as they find them [batch, 1, slots, dim]
   */
  Tensor readOne(Tensor x, Tensor queries, Tensor states, Pass pass) {
    return out(x, attend(queries, 0, states), pass);
  }

  /**
   * Reads in packed documents.
   *
   * @param x hidden states [batch, time, width]
   * @param states the slots that nobody wrote, and those after each chunk [batch, chunks + 1,
   *     slots, dim]
   */
  Tensor read(Tensor x, PackedChunks chunks, Tensor states, Pass pass) {
    Tensor queries = query.apply(x);
    Tensor unwritten = attend(queries, 0, Tensors.slice(states, 1, 0, 1));
    Tensor written =
        attend(chunks.readers(queries), 0, Tensors.slice(states, 1, 1, states.size(1)));
    return out(x, chunks.merge(unwritten, written), pass);
  }

  /** What tokens read, by their queries [batch, time, dim]: equations (5) and (6). */
  private Tensor attend(Tensor asking, int offset, Tensor states) {
    return FusedSlotRead.compute(asking, states, norm, EPSILON, key.weight(), address, heads)
        .orElseGet(() -> attendPlain(asking, offset, states));
  }

  private Tensor attendPlain(Tensor asking, int offset, Tensor states) {
    long batch = asking.size(0);
    long time = asking.size(1);
    long chunks = states.size(1);
    // Tokens of one chunk need no padding; that makes decoding cheap.
    long before = chunks == 1 ? 0 : offset;
    long length = chunks == 1 ? time : chunk;
    long after = chunks * length - before - time;
    Tensor queries = before + after == 0 ? asking : Tensors.pad(asking, 1, before, after);
    Tensor content = GradientSum.of(Norms.rms(states, norm, EPSILON, Tensors.type(asking)));
    Tensor read =
        attend(
            queries.reshape(batch * chunks, length, -1),
            key.apply(content).flatten(0, 1),
            content.flatten(0, 1));
    Tensor tokens = read.reshape(batch, chunks * length, -1);
    return before + after == 0 ? tokens : Tensors.slice(tokens, 1, before, before + time);
  }

  /**
   * Lets the tokens of each row read its slots: [rows, tokens or slots, dim] each, keys without the
   * addresses.
   */
  private Tensor attend(Tensor queries, Tensor keys, Tensor values) {
    return FusedSlotAttention.compute(queries, keys, address, values, heads, chunk)
        .orElseGet(
            () ->
                SlotAttention.attend(byHead(queries), byHead(keys.add(address)), byHead(values))
                    .transpose(1, 2)
                    .flatten(2, 3));
  }

  /** Equation (7). */
  private Tensor out(Tensor x, Tensor read, Pass pass) {
    FusedTokenGate.Gated gated = gated(x, out.apply(read));
    if (pass.observing()) {
      pass.observe("read-gate", gated.gates().mean());
    }
    return gated.values();
  }

  private FusedTokenGate.Gated gated(Tensor x, Tensor read) {
    return FusedTokenGate.compute(x, gate, gateBias, read, 1, null, List.of())
        .orElseGet(
            () -> {
              Tensor open = Tensors.linear(x, gate, gateBias).sigmoid();
              return new FusedTokenGate.Gated(read.mul(open), open);
            });
  }

  /** [rows, n, dim] to [rows, heads, n, dim / heads]. */
  private Tensor byHead(Tensor x) {
    return x.unflatten(2, heads, -1).transpose(1, 2);
  }
}
