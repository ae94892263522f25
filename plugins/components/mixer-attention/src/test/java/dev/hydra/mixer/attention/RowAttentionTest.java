package dev.hydra.mixer.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Attention of one text after another: as of all together with a mask, and the same bits alone. */
@ExtendWith(InScope.class)
class RowAttentionTest {
  private static final int WINDOW = 8;
  private static final int KV_HEADS = 2;
  private static final int HEAD_DIM = 16;
  private static final DenseAttention ATTENTION = new DenseAttention(0.3, Optional.empty());

  @ParameterizedTest
  @CsvSource({
    // strided positions that stay in sight, -1 for not even the first
    "-1",
    "0",
    "1",
    "3",
  })
  void agreesWithAllTogetherFromTheFirstTokenOn(int globals) {
    SparsePattern pattern =
        globals < 0 ? SparsePattern.local(WINDOW) : new SparsePattern(WINDOW, 3, globals);
    FixedSlots one = slots(pattern, 0, 5, 29);
    FixedSlots all = one.copy(ScalarType.Double);
    try (Grad off = Grad.off()) {
      for (int step = 0; step < 30; step++) {
        Qkv added = added(3, 3);
        agree(pattern, added, one, all);
        one = next(one);
        all = next(all);
      }
    }
  }

  @Test
  void leavesOutThePaddingOfAPrompt() {
    FixedSlots one = slots(SparsePattern.full(), 5, 3, 7);
    one.slots().put(KeptKeys.PADDING, Tensor.create(new long[] {2, 0, 6}));
    try (Grad off = Grad.off()) {
      agree(SparsePattern.full(), added(3, 2), one, one.copy(ScalarType.Double));
    }
  }

  @Test
  void aRowIsTheSameAloneAndAmongOthers() {
    long[] lengths = {3, 500, 40};
    FixedSlots all = slots(SparsePattern.full(), lengths).copy(ScalarType.Float);
    Qkv wide = added(3, 7);
    Qkv added = new Qkv(f(wide.q()), f(wide.k()), f(wide.v()));
    try (Grad off = Grad.off()) {
      FixedSlots[] own = new FixedSlots[lengths.length];
      for (int row = 0; row < own.length; row++) {
        own[row] = all.row(row, lengths[row] + 1);
      }
      Tensor together = rows(SparsePattern.full(), added, all).attend(added, all);
      for (int row = 0; row < own.length; row++) {
        Qkv mine =
            new Qkv(
                added.q().narrow(0, row, 1),
                added.k().narrow(0, row, 1),
                added.v().narrow(0, row, 1));
        Tensor alone = rows(SparsePattern.full(), mine, own[row]).attend(mine, own[row]);
        assertTrue(alone.equal(together.narrow(0, row, 1)), "row " + row + " differs");
      }
    }
  }

  @Test
  void isNotForScoresWithABound() {
    FixedSlots cache = slots(SparsePattern.full(), 5);
    DenseAttention capped = new DenseAttention(0.3, Optional.of(5.0));
    assertThat(RowAttention.of(SparsePattern.full(), capped, added(1, 1), cache)).isEmpty();
  }

  private static void agree(SparsePattern pattern, Qkv added, FixedSlots one, FixedSlots all) {
    Tensor expected = new DecodingAttention(pattern, ATTENTION).plain(added, all);
    Tensor found = rows(pattern, added, one).attend(added, one);
    assertTrue(found.allclose(expected, 0, 1e-12, false), "results at " + one.lengths());
    one.slots()
        .forEach(
            (name, slots) ->
                assertTrue(slots.equal(all.slots().get(name)), name + " at " + one.lengths()));
  }

  private static RowAttention rows(SparsePattern pattern, Qkv added, FixedSlots cache) {
    return RowAttention.of(pattern, ATTENTION, added, cache).orElseThrow();
  }

  private static FixedSlots next(FixedSlots cache) {
    return new FixedSlots(Tensors.add(cache.lengths(), 1).to(ScalarType.Long), cache.slots());
  }

  private static Tensor f(Tensor wide) {
    return wide.to(ScalarType.Float);
  }

  private static Qkv added(long rows, long group) {
    return new Qkv(
        random(rows, 1, group * KV_HEADS, HEAD_DIM),
        random(rows, 1, KV_HEADS, HEAD_DIM),
        random(rows, 1, KV_HEADS, HEAD_DIM));
  }

  private static FixedSlots slots(SparsePattern pattern, long... lengths) {
    Map<String, Tensor> slots = new HashMap<>();
    for (String name : new String[] {KeptKeys.KEYS, KeptKeys.VALUES}) {
      slots.put(name, random(lengths.length, Math.min(600, pattern.window()), KV_HEADS, HEAD_DIM));
      if (pattern.hasGlobals()) {
        slots.put(
            KeySlots.globalName(name),
            random(lengths.length, 1L + pattern.globals(), KV_HEADS, HEAD_DIM));
      }
    }
    return new FixedSlots(Tensor.create(lengths), slots);
  }

  private static Tensor random(long... sizes) {
    return torch.randn(sizes).to(ScalarType.Double);
  }
}
