package dev.hydra.mixer.deltanet;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.autograd.Backward;
import dev.hydra.libtorch.autograd.CustomFunction;
import dev.hydra.libtorch.kernels.KernelMode;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import dev.hydra.testing.RandomInput;
import dev.hydra.testing.Results;
import dev.hydra.testing.Samples;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The CUDA kernels against the plain path on the same device, and against float64. */
@ExtendWith(InScope.class)
@Tag("cuda")
@EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
class FusedDeltaRuleTest {
  private static final int CHUNK = 64;

  private final RandomInput random = new RandomInput();

  private record Sizes(int batch, int time, int heads, int keyDim, int valueDim, int before) {
    int keys() {
      return heads * keyDim;
    }

    int values() {
      return heads * valueDim;
    }
  }

  /** Numbers of one case on the CPU in float64; those that kernels get in bfloat16 are rounded. */
  private record Numbers(
      Tensor mixed,
      Tensor log,
      Tensor strength,
      double most,
      Optional<Tensor> documents,
      Optional<Tensor> initial,
      Tensor dy,
      Tensor dLast) {
    Numbers with(Tensor otherLog, Tensor otherStrength) {
      return new Numbers(
          mixed, otherLog, otherStrength, most, documents, initial, dy, Tensors.mul(dLast, 0.0));
    }
  }

  @ParameterizedTest
  @CsvSource({
    // batch, time, heads, keyDim, valueDim, channels before q; largest beta, packed, continued
    "2, 300, 16, 128, 128, 0, 1, false, true",
    "2, 300, 16, 128, 128, 8, 2, true, true",
    "1, 1024, 4, 64, 64, 0, 1, false, false",
    "2, 777, 6, 64, 128, 8, 2, true, true",
    "1, 129, 5, 128, 64, 3, 1, false, true",
    "2, 257, 40, 16, 16, 0, 1, true, false",
    "2, 1, 3, 16, 32, 8, 2, false, true",
    "1, 64, 9, 32, 48, 0, 1, false, true",
    "1, 3000, 2, 64, 64, 0, 1, false, true",
    "1, 200, 7, 48, 80, 8, 2, false, true",
    "1, 150, 2, 80, 144, 0, 1, true, true",
    "1, 300, 2, 256, 128, 0, 1, false, true",
    "1, 131, 3, 240, 256, 0, 2, true, false",
    "1, 190, 40, 256, 256, 0, 1, false, true"
  })
  void agreesWithFloat64AndThePlainPath(
      int batch,
      int time,
      int heads,
      int keyDim,
      int valueDim,
      int before,
      double most,
      boolean packed,
      boolean continued) {
    Sizes sizes = new Sizes(batch, time, heads, keyDim, valueDim, before);
    Numbers numbers = numbers(sizes, most, packed, continued);
    Map<String, Tensor> exact =
        run(numbers, sizes, "cpu", ScalarType.Double, FusedDeltaRuleTest::plain);
    for (ScalarType type : new ScalarType[] {ScalarType.BFloat16, ScalarType.Float}) {
      Map<String, Tensor> plain = run(numbers, sizes, "cuda", type, FusedDeltaRuleTest::plain);
      Map<String, Tensor> fused = run(numbers, sizes, "cuda", type, FusedDeltaRuleTest::fused);
      boolean fp32 = type == ScalarType.Float;
      Results.assertNear(type + " against float64", exact, fused, fp32 ? 1e-4 : 1.5e-2);
      Results.assertNear(type + " against the plain path", plain, fused, fp32 ? 2e-4 : 6e-2);
      Map<String, Tensor> again = run(numbers, sizes, "cuda", type, FusedDeltaRuleTest::fused);
      Results.assertSame(fused, again);
    }
  }

  /** The same key again and again, written with full strength: what is read is the last value. */
  @Test
  void equalKeysReplaceEachOther() {
    Sizes sizes = new Sizes(2, 200, 3, 64, 64, 0);
    Tensor values = random.values(sizes.batch, sizes.time, sizes.heads, sizes.valueDim);
    Tensor v = values.to(new Device("cuda"), ScalarType.Float);
    Tensor k = Tensors.add(Tensors.mul(v, 0.0), 1 / Math.sqrt(sizes.keyDim));
    Tensor none = k.select(3, 0).mul(v.select(3, 0)).zero_();
    Tensor y =
        fused(
                new GatedDeltaRule.Input(
                    k, k, v, none, Tensors.add(none, 100.0), 1, Optional.empty(), Optional.empty()))
            .y();
    Samples.assertNear("y", v, y, 1e-3);
  }

  @Test
  void staysFiniteAtTheExtremes() {
    Sizes sizes = new Sizes(1, 150, 3, 32, 32, 0);
    Numbers usual = numbers(sizes, 1, false, false);
    for (double log : new double[] {0, -1e-8, -1, -1e4, -1e30}) {
      for (double strength : new double[] {-1000, 0, 1000}) {
        Numbers numbers =
            usual.with(
                Tensors.add(Tensors.mul(usual.log, 0.0), log),
                Tensors.add(Tensors.mul(usual.strength, 0.0), strength));
        Map<String, Tensor> found =
            run(numbers, sizes, "cuda", ScalarType.BFloat16, FusedDeltaRuleTest::fused);
        found.forEach(
            (what, value) ->
                assertTrue(
                    !Tensors.any(value.isfinite().logical_not()),
                    what + " is not finite at " + log + " and " + strength));
        // What is forgotten altogether cannot be forgotten any more.
        double most = Tensors.number(found.get("the gradient of log decays").abs().max());
        assertTrue(log > -1e3 || most == 0, "a log decay of " + log + " has a gradient");
      }
    }
  }

  @Test
  void whatItCannotComputeIsLeftToThePlainPath() {
    Sizes sizes = new Sizes(1, 20, 4, 32, 32, 0);
    assertEquals(true, chosen(sizes, ScalarType.BFloat16, KernelMode.AUTO));
    assertEquals(true, chosen(sizes, ScalarType.Float, KernelMode.AUTO));
    assertEquals(false, chosen(sizes, ScalarType.BFloat16, KernelMode.PLAIN));
    assertEquals(false, chosen(sizes, ScalarType.Double, KernelMode.FUSED));
    Sizes narrow = new Sizes(1, 20, 4, 8, 32, 0);
    assertEquals(false, chosen(narrow, ScalarType.Float, KernelMode.FUSED));
    Sizes odd = new Sizes(1, 20, 4, 32, 40, 0);
    assertEquals(false, chosen(odd, ScalarType.Float, KernelMode.FUSED));
  }

  @Test
  void itGivesWayWhereOperatorsAreToBeRecorded() {
    Sizes sizes = new Sizes(1, 20, 4, 32, 32, 0);
    run(
        numbers(sizes, 1, false, false),
        sizes,
        "cuda",
        ScalarType.BFloat16,
        in -> {
          try (KernelMode.Setting kernels = KernelMode.FUSED.set()) {
            assertTrue(FusedDeltaRule.of(in).isPresent());
            CustomFunction.inlined(() -> assertTrue(FusedDeltaRule.of(in).isEmpty()));
          }
          return plain(in);
        });
  }

  private boolean chosen(Sizes sizes, ScalarType type, KernelMode mode) {
    boolean[] chosen = new boolean[1];
    run(
        numbers(sizes, 1, false, false),
        sizes,
        "cuda",
        type,
        in -> {
          try (KernelMode.Setting kernels = mode.set()) {
            chosen[0] = FusedDeltaRule.of(in).isPresent();
          }
          return plain(in);
        });
    return chosen[0];
  }

  private static GatedDeltaRule.Output plain(GatedDeltaRule.Input in) {
    return GatedDeltaRule.chunked(in, CHUNK);
  }

  private static GatedDeltaRule.Output fused(GatedDeltaRule.Input in) {
    try (KernelMode.Setting kernels = KernelMode.FUSED.set()) {
      return FusedDeltaRule.of(in).orElseThrow().compute(in);
    }
  }

  private Numbers numbers(Sizes s, double most, boolean packed, boolean continued) {
    Tensor queries = random.values(s.batch, s.time, s.heads, s.keyDim);
    Tensor keys = random.values(s.batch, s.time, s.heads, s.keyDim);
    double length = 1 / Math.sqrt(s.keyDim);
    Tensor mixed =
        Tensors.cat(
            -1,
            random.values(s.batch, s.time, s.before + 1).narrow(2, 0, s.before),
            Tensors.mul(queries, 1.0 / s.keyDim).flatten(2, 3),
            Tensors.mul(Tensors.rmsNorm(keys, 1e-9), length).flatten(2, 3),
            random.values(s.batch, s.time, s.values()));
    return new Numbers(
        Samples.rounded(mixed),
        Tensors.mul(random.values(s.batch, s.time, s.heads).exp(), -0.1),
        random.values(s.batch, s.time, s.heads),
        most,
        packed ? Optional.of(random.documents(s.batch, s.time)) : Optional.empty(),
        continued
            ? Optional.of(random.values(s.batch, s.heads, s.keyDim, s.valueDim))
            : Optional.empty(),
        Samples.rounded(random.values(s.batch, s.time, s.heads, s.valueDim)),
        // What a packed sequence leaves behind is not defined: padding belongs to no document.
        Tensors.mul(random.values(s.batch, s.heads, s.keyDim, s.valueDim), packed ? 0.0 : 1.0));
  }

  /** Outputs and gradients; q, k and v are parts of a wider tensor, as in the mixer. */
  private static Map<String, Tensor> run(
      Numbers numbers,
      Sizes s,
      String device,
      ScalarType type,
      Function<GatedDeltaRule.Input, GatedDeltaRule.Output> rule) {
    Device on = new Device(device);
    ScalarType precise = type == ScalarType.Double ? ScalarType.Double : ScalarType.Float;
    Tensor mixed = Samples.leaf(numbers.mixed, on, type);
    Tensor log = Samples.leaf(numbers.log, on, precise);
    Tensor strength = Samples.leaf(numbers.strength, on, precise);
    Optional<Tensor> initial = numbers.initial.map(i -> Samples.leaf(i, on, precise));
    int k = s.before + s.keys();
    int v = k + s.keys();
    GatedDeltaRule.Output out =
        rule.apply(
            new GatedDeltaRule.Input(
                mixed.narrow(2, s.before, s.keys()).unflatten(2, s.heads, s.keyDim),
                mixed.narrow(2, k, s.keys()).unflatten(2, s.heads, s.keyDim),
                mixed.narrow(2, v, s.values()).unflatten(2, s.heads, s.valueDim),
                log,
                strength,
                numbers.most,
                numbers.documents.map(d -> d.to(on, ScalarType.Long)),
                initial));
    Tensor dy = numbers.dy.to(on, ScalarType.Double);
    Tensor dLast = numbers.dLast.to(on, ScalarType.Double);
    Tensor loss = out.y().to(ScalarType.Double).mul(dy).sum();
    Backward.run(loss.add(out.state().to(ScalarType.Double).mul(dLast).sum()));

    Map<String, Tensor> found = new LinkedHashMap<>();
    found.put("y", out.y());
    if (numbers.documents.isEmpty()) {
      found.put("the last state", out.state());
    }
    found.put("the gradient of queries", mixed.grad().narrow(2, s.before, s.keys()));
    found.put("the gradient of keys", mixed.grad().narrow(2, k, s.keys()));
    found.put("the gradient of values", mixed.grad().narrow(2, v, s.values()));
    found.put("the gradient of log decays", log.grad());
    found.put("the gradient of strengths", strength.grad());
    initial.ifPresent(i -> found.put("the gradient of the initial state", i.grad()));
    return Results.copied(found);
  }
}
