package dev.hydra.memory.workspace;

import dev.hydra.api.Init;
import dev.hydra.api.Memory;
import dev.hydra.api.ParameterSpec;
import dev.hydra.api.Pass;
import dev.hydra.api.Site;
import dev.hydra.api.StateCache;
import dev.hydra.libtorch.nn.Linear;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Arrays;
import java.util.Optional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * Slots that the tokens of a sequence write and read. A sequence is cut into chunks from its start.
 * Tokens of chunk c read the slots as chunks 0 to c-1 left them; a chunk writes when it is
 * complete. So no token reads what it or a later one wrote, and gradients flow from a reader
 * through all writes before it to their tokens.
 *
 * <p>With {@code x_t} the tokens of chunk c, s a slot, h a head, and all weights learned:
 *
 * <pre>
 *   a_sht = softmax over t in c of (k_sh . x_t)           the tokens that slot s looks for     (1)
 *   z_s   = concat over h of sum_t a_sht W_v,h x_t        what it finds, [dim]                 (2)
 *   g_s   = sigmoid(w_s . z_s + b_s)                      write gate                           (3)
 *   M_s(c) = (1 - g_s) M_s(c-1) + g_s tanh(z_s)           M(-1) is learned                     (4)
 *
 *   n_s  = rms norm of M_s(c-1)
 *   p_th = softmax over s of (W_q,h x_t . (W_k,h n_s + r_sh)) / sqrt(dim / heads)              (5)
 *   o_t  = concat over h of sum_s p_ths n_sh                                                   (6)
 *   y_t  = sigmoid(w . x_t + b) W_o o_t                   read gate                            (7)
 * </pre>
 *
 * <p>Memory slots between segments are those of the Recurrent Memory Transformer (arXiv
 * 2207.06881); cross attention with gated writes is from LM2 (arXiv 2502.06049). This project's own
 * choices:
 *
 * <ul>
 *   <li>What a slot looks for, and its gate, do not depend on what it holds. Thus (4) is linear in
 *       M: everything but (4) is computed for all chunks at once, and (4) by {@link SlotStates}.
 *   <li>One gate forgets and writes, as in the GRU (arXiv 1406.1078), where LM2 has two: a slot
 *       stays between -1 and 1 (or its initial value) however long the sequence is.
 *   <li>Keys for reading have a learned address {@code r_s} beside the content, so that a token can
 *       name a slot whatever it holds.
 *   <li>A new model uses the memory a little: read gates are sigmoid(-1) = 0.27, write gates go
 *       from 1/2 for the first slot to 1/32 for the last, whatever the input. Contents begin near
 *       zero.
 * </ul>
 *
 * <p>State: {@code slots} [batch, slots, dim] and {@code pending} [batch, chunk, heads * slots +
 * dim], the {@code k_sh . x_t} and {@code W_v,h x_t} of the chunk that is not complete, and then
 * what does not count. With packed documents chunks are counted from the start of each document,
 * and each begins with the initial slots.
 */
final class Workspace implements Memory {
  static final String SLOTS = "slots";
  static final String PENDING = "pending";
  private static final double INITIAL_DEVIATION = 0.02;

  private final int chunk;
  private final SlotWriter writer;
  private final SlotReader reader;
  private final Tensor initial;

  Workspace(Site site) {
    chunk = site.get(WorkspaceFactory.CHUNK);
    writer = new SlotWriter(site);
    reader = new SlotReader(site);
    initial =
        site.parameter(
            ParameterSpec.of(
                    "slots",
                    Init.normal(INITIAL_DEVIATION),
                    site.get(WorkspaceFactory.SLOTS),
                    site.get(WorkspaceFactory.DIM))
                .inFp32()
                .withoutDecay());
  }

  @Override
  public Tensor forward(Tensor x, Pass pass) {
    if (pass.cache().isPresent() && pass.cache().get().decoding()) {
      return decode(x, pass.cache().get(), pass);
    }
    if (pass.cache().isPresent()) {
      return resume(x, pass.cache().get(), pass);
    }
    // Nobody reads what the last chunk would write.
    long writing = (x.size(1) - 1) / chunk;
    if (writing == 0) {
      return reader.read(x, 0, start(x).unsqueeze(1), pass);
    }
    if (pass.documents().isPresent()) {
      PackedChunks chunks = PackedChunks.of(pass.documents().get(), chunk);
      SlotWriter.Tokens written = writer.project(chunks.written(x));
      Tensor states = states(written, writing, start(x), Optional.of(chunks.first()), pass);
      return reader.read(x, chunks, states, pass);
    }
    Tensor states = states(writer.project(x), writing, start(x), Optional.empty(), pass);
    return reader.read(x, 0, states, pass);
  }

  private Tensor resume(Tensor x, StateCache cache, Pass pass) {
    int offset = (int) (cache.position() % chunk);
    Tensor newest = writer.project(x).both();
    Tensor tokens =
        cache
            .get(PENDING)
            .map(pending -> Tensors.cat(1, Tensors.slice(pending, 1, 0, offset), newest))
            .orElse(newest);
    long writing = tokens.size(1) / chunk;
    long reading = (tokens.size(1) + chunk - 1) / chunk;
    Tensor before = cache.get(SLOTS).orElseGet(() -> start(x));
    Tensor states =
        writing == 0
            ? before.unsqueeze(1)
            : states(
                SlotWriter.Tokens.of(tokens, writer.shape()),
                writing,
                before,
                Optional.empty(),
                pass);
    // Clones, because views would keep all that they are views of.
    cache.put(SLOTS, states.select(1, writing).clone());
    Tensor pending = Tensors.slice(tokens, 1, writing * chunk, tokens.size(1));
    cache.put(PENDING, Tensors.pad(pending, 1, 0, chunk - pending.size(1)));
    return reader.read(x, offset, Tensors.slice(states, 1, 0, reading), pass);
  }

  /** One more token of each of several texts: each fills chunks of its own. */
  private Tensor decode(Tensor x, StateCache cache, Pass pass) {
    Tensor slots = cache.get(SLOTS).orElseThrow();
    Tensor[] projected = Linear.applyAll(x, reader.query(), writer.key(), writer.value());
    Tensor read = reader.readOne(x, projected[0], slots.unsqueeze(1), pass);
    SlotWriter.Tokens newest = new SlotWriter.Tokens(projected[1], projected[2]);
    Tensor pending = cache.get(PENDING).orElseThrow();
    Tensor positions = cache.positions(x);
    if (pass.observing() || !writer.step(newest, positions, pending, slots)) {
      boolean some = cache.known().map(this::completes).orElse(true);
      decodePlain(newest.both(), positions, pending, slots, some, pass)
          .ifPresent(after -> cache.put(SLOTS, after));
    }
    return read;
  }

  /**
   * Takes the newest tokens among those of their chunks, in place, and gives the slots after them
   * if {@code some} chunk may be complete.
   */
  private Optional<Tensor> decodePlain(
      Tensor newest, Tensor positions, Tensor pending, Tensor slots, boolean some, Pass pass) {
    try (Scalar length = new Scalar(chunk);
        Scalar last = new Scalar(chunk - 1)) {
      Tensor offset = positions.remainder(length);
      Tensor rows = Tensors.mul(Tensors.range(0, newest.size(0), newest), (long) chunk);
      pending.view(-1, newest.size(2)).index_copy_(0, rows.add(offset), newest.squeeze(1));
      if (!some) {
        return Optional.empty();
      }
      SlotWriter.Tokens tokens = SlotWriter.Tokens.of(pending, writer.shape());
      Tensor after = states(tokens, 1, slots, Optional.empty(), pass).select(1, 1);
      return Optional.of(torch.where(offset.eq(last).view(-1, 1, 1), after, slots));
    }
  }

  /** Whether a chunk is complete after one more token. */
  private boolean completes(long[] positions) {
    return Arrays.stream(positions).anyMatch(position -> position % chunk == chunk - 1);
  }

  /** The initial slots of each sequence. Of one alone, backward has nothing to add up. */
  private Tensor start(Tensor x) {
    return x.size(0) == 1 ? initial.unsqueeze(0) : initial.expand(x.size(0), -1, -1);
  }

  /**
   * The slots before the first chunk and after each of the {@code writing} chunks, at least one,
   * that tokens begin with: [batch, writing + 1, slots, dim].
   *
   * @param first bool [batch, writing]: the chunks that begin with the slots {@code before} the
   *     first, whatever was written since
   */
  private Tensor states(
      SlotWriter.Tokens tokens, long writing, Tensor before, Optional<Tensor> first, Pass pass) {
    SlotWriter.Writes writes = writer.write(tokens, writing);
    if (pass.observing()) {
      pass.observe("write-gate", writes.gate().mean());
    }
    return SlotStates.of(writes, before, first);
  }
}
