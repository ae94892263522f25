package dev.hydra.mixer.mamba;

import dev.hydra.libtorch.nn.Chunks;
import dev.hydra.libtorch.nn.Decays;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * What both forward and backward of the SSD begin with.
 *
 * @param layout the shapes
 * @param input x * dt [batch, chunks, size, heads, headDim]
 * @param b [batch * chunks * groups, size, state]
 * @param c [batch * chunks * groups, size, state]
 * @param logs log decays [batch, time, heads], not bounded yet
 * @param decays within chunks
 */
record SsdTerms(SsdLayout layout, Tensor input, Tensor b, Tensor c, Tensor logs, Decays decays) {
  static SsdTerms of(ScanInput in, int chunk) {
    SsdLayout layout = SsdLayout.of(in.x(), in.b(), chunk);
    Chunks chunks = layout.chunks();
    Tensor steps = Tensors.cast(in.dt(), Tensors.type(in.x())).unsqueeze(-1);
    Tensor logs = in.dt().mul(in.a());
    Optional<Tensor> documents = in.documents().map(d -> chunks.split(d).unsqueeze(2));
    return new SsdTerms(
        layout,
        chunks.split(in.x().mul(steps)),
        layout.byGroup(in.b()),
        layout.byGroup(in.c()),
        logs,
        Decays.of(chunks.split(logs).transpose(2, 3).contiguous(), documents));
  }

  ScalarType type() {
    return Tensors.type(input);
  }

  /** The decay between positions [batch, chunks, groups, heads / groups, size, size]. */
  Tensor pairs() {
    return layout.squareByHead(decays.pairs(type()));
  }

  /** C B^T [batch, chunks, groups, 1, size, size]. */
  Tensor scores() {
    return layout.squareByGroup(c.bmm(b.transpose(1, 2)));
  }

  /** The decay from each position to the end of its chunk [batch, chunks, size, heads, 1]. */
  Tensor toEnd() {
    return perToken(decays.toEnd());
  }

  /** The decay from the start of the chunk to each position [batch, chunks, size, heads, 1]. */
  Tensor fromStart() {
    return perToken(decays.fromStart());
  }

  /** What each position adds to the state, as left at the end of its chunk, heads side by side. */
  Tensor inputAtEnd() {
    return layout.sideBySide(input.mul(toEnd()));
  }

  /**
   * The gradient of the states after chunks as all that follows sees them, from the gradient as the
   * next chunk alone sees them [batch, chunks, heads, headDim * state].
   */
  Tensor gradientAfter(Tensor gradient) {
    return ChunkRecurrence.gradient(decays.totals(), gradient, decays.lastDocuments());
  }

  /** 1 where a log decay counts, 0 where it is bounded [batch, time, heads]. */
  Tensor inRange() {
    return Decays.inRange(logs);
  }

  private Tensor perToken(Tensor perHead) {
    return Tensors.cast(perHead, type()).transpose(2, 3).unsqueeze(-1);
  }
}
