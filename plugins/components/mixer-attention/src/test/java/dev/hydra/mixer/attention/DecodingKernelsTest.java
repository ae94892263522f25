package dev.hydra.mixer.attention;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.kernels.KernelMode;
import dev.hydra.libtorch.nn.Rotation;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Attention to slots by kernels: against float64, and the same bits whatever is beside a row. */
@ExtendWith(InScope.class)
@Tag("cuda")
@EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
class DecodingKernelsTest {
  /** More than the smallest parts can cover: 64 of 64 slots. */
  private static final int SLOTS = 9000;

  /**
   * Lengths in the first part, in several small ones, and in parts of twice and four times that.
   */
  private static final long[] LENGTHS = {3, 1000, 5000, SLOTS - 1};

  private static final SparsePattern GLOBALS = new SparsePattern(SLOTS, 4, 150);
  private static final Device CUDA = new Device("cuda:0");

  @ParameterizedTest
  @CsvSource({
    "BFloat16, 4, 64, 0, 4e-3",
    "BFloat16, 8, 128, 0, 4e-3",
    "BFloat16, 7, 64, 20, 4e-3",
    "BFloat16, 1, 96, 0, 4e-3",
    "BFloat16, 2, 256, 0, 4e-3",
    "BFloat16, 3, 32, 0, 4e-3",
    "Float, 4, 64, 0, 1e-5",
    "Float, 12, 160, 20, 1e-5",
    "Float, 8, 256, 0, 1e-5",
  })
  void agreesWithFloat64(ScalarType type, long group, long headDim, double cap, double bound) {
    DecodingAttention decoding = decoding(SparsePattern.full(), cap, headDim);
    Qkv added = added(type, LENGTHS.length, group, headDim);
    FixedSlots cache = slots(type, headDim, false, LENGTHS);
    assertClose(decoding, added, cache, bound);
  }

  @ParameterizedTest
  @CsvSource({"BFloat16, 4e-3", "Float, 1e-5"})
  void globalsAgreeWithFloat64(ScalarType type, double bound) {
    DecodingAttention decoding = decoding(GLOBALS, 0, 64);
    Qkv added = added(type, 3, 2, 64);
    FixedSlots cache = slots(type, 64, true, 5, SLOTS + 40, SLOTS + 4001);
    assertClose(decoding, added, cache, bound);
  }

  @ParameterizedTest
  @CsvSource({"BFloat16", "Float"})
  void aRowIsTheSameAloneAndAmongOthers(ScalarType type) {
    DecodingAttention decoding = decoding(SparsePattern.full(), 0, 64);
    Qkv added = added(type, LENGTHS.length, 4, 64);
    FixedSlots cache = slots(type, 64, false, LENGTHS);
    Tensor together = attend(decoding, added, Optional.empty(), cache.copy(type), KernelMode.FUSED);
    for (int row = 0; row < LENGTHS.length; row++) {
      FixedSlots own = cache.row(row, LENGTHS[row] + 1);
      Tensor alone = attend(decoding, row(added, row), Optional.empty(), own, KernelMode.FUSED);
      assertTrue(alone.equal(together.narrow(0, row, 1)), "row " + row + " differs");
    }
  }

  @ParameterizedTest
  @CsvSource({
    // type, query heads of a key head (of 12 a block takes 6), headDim, of which turn, bound
    "BFloat16, 4, 64, 64, 1e-2",
    "BFloat16, 12, 96, 32, 1e-2",
    "Float, 4, 64, 64, 1e-5",
    "Float, 12, 64, 32, 1e-5",
  })
  void turnsQueriesAndKeysWhileItReadsThem(
      ScalarType type, long group, long headDim, int dims, double bound) {
    DecodingAttention decoding = decoding(SparsePattern.full(), 0, headDim);
    Qkv added = added(type, LENGTHS.length, group, headDim);
    FixedSlots cache = slots(type, headDim, false, LENGTHS);
    Rotation rotation =
        new Rope(dims, 10_000, Optional.empty()).at(cache.lengths().unsqueeze(1), ScalarType.Float);
    assertClose(decoding, added, Optional.of(rotation), cache, bound);

    FixedSlots apart = cache.copy(type);
    FixedSlots together = cache.copy(type);
    attend(decoding, added.turned(rotation), Optional.empty(), apart, KernelMode.FUSED);
    attend(decoding, added, Optional.of(rotation), together, KernelMode.FUSED);
    Tensor before = Tensors.upcast(apart.get(KeptKeys.KEYS).orElseThrow());
    Tensor off = Tensors.upcast(together.get(KeptKeys.KEYS).orElseThrow()).sub(before);
    assertTrue(Tensors.number(off.norm().div(before.norm())) < 1e-4, "keys differ");
    Tensor values = together.get(KeptKeys.VALUES).orElseThrow();
    assertTrue(values.equal(apart.get(KeptKeys.VALUES).orElseThrow()), "values differ");
    for (int row = 0; row < LENGTHS.length; row++) {
      Tensor written = values.select(0, row).select(0, LENGTHS[row]);
      assertTrue(written.equal(added.v().select(0, row).select(0, 0)), "value of row " + row);
    }
  }

  private static void assertClose(
      DecodingAttention decoding, Qkv added, FixedSlots cache, double bound) {
    assertClose(decoding, added, Optional.empty(), cache, bound);
  }

  private static void assertClose(
      DecodingAttention decoding,
      Qkv added,
      Optional<Rotation> rotation,
      FixedSlots cache,
      double bound) {
    ScalarType type = Tensors.type(added.q());
    Qkv wide =
        new Qkv(
            added.q().to(ScalarType.Double),
            added.k().to(ScalarType.Double),
            added.v().to(ScalarType.Double));
    Optional<Rotation> angles =
        rotation.map(
            r -> new Rotation(r.cos().to(ScalarType.Double), r.sin().to(ScalarType.Double)));
    FixedSlots exact = cache.copy(ScalarType.Double);
    Tensor expected = attend(decoding, wide, angles, exact, KernelMode.PLAIN);
    Tensor fused = attend(decoding, added, rotation, cache.copy(type), KernelMode.FUSED);
    for (int row = 0; row < added.q().size(0); row++) {
      Tensor right = expected.select(0, row);
      double off =
          Tensors.number(
              fused.select(0, row).to(ScalarType.Double).sub(right).norm().div(right.norm()));
      assertTrue(off < bound, "row " + row + " is off by " + off);
    }
  }

  private static Tensor attend(
      DecodingAttention decoding,
      Qkv added,
      Optional<Rotation> rotation,
      FixedSlots cache,
      KernelMode mode) {
    try (KernelMode.Setting kernels = mode.set()) {
      return decoding.attend(added, rotation, cache);
    }
  }

  private static DecodingAttention decoding(SparsePattern pattern, double cap, long headDim) {
    return new DecodingAttention(
        pattern,
        new DenseAttention(1 / Math.sqrt(headDim), cap == 0 ? Optional.empty() : Optional.of(cap)));
  }

  private static Qkv added(ScalarType type, long rows, long group, long headDim) {
    return new Qkv(
        random(type, rows, 1, 2 * group, headDim),
        random(type, rows, 1, 2, headDim),
        random(type, rows, 1, 2, headDim));
  }

  private static Qkv row(Qkv all, int row) {
    return new Qkv(all.q().narrow(0, row, 1), all.k().narrow(0, row, 1), all.v().narrow(0, row, 1));
  }

  private static FixedSlots slots(ScalarType type, long headDim, boolean globals, long... lengths) {
    Map<String, Tensor> slots = new HashMap<>();
    for (String name : new String[] {KeptKeys.KEYS, KeptKeys.VALUES}) {
      slots.put(name, random(type, lengths.length, SLOTS, 2, headDim));
      if (globals) {
        long room = 1L + GLOBALS.globals();
        slots.put(KeySlots.globalName(name), random(type, lengths.length, room, 2, headDim));
      }
    }
    return new FixedSlots(Tensor.create(lengths).to(CUDA, ScalarType.Long), slots);
  }

  private static Tensor random(ScalarType type, long... sizes) {
    return torch.randn(sizes).to(CUDA, type);
  }
}
