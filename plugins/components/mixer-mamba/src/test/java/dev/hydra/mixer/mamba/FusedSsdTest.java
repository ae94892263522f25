package dev.hydra.mixer.mamba;

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
import org.bytedeco.pytorch.global.torch;
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
class FusedSsdTest {
  private static final SsdInput.Limits NONE = new SsdInput.Limits(0, Optional.empty());
  private static final SsdInput.Limits SOME = new SsdInput.Limits(0.01, Optional.of(0.7));

  private final RandomInput random = new RandomInput();

  /**
   * Numbers of one case on the CPU in float64, those that kernels get in bfloat16 rounded to it.
   */
  private record Numbers(
      Tensor mixed,
      Tensor dt,
      Tensor decayLog,
      Tensor bias,
      Tensor skip,
      Optional<Tensor> documents,
      Optional<Tensor> initial,
      Tensor dy,
      Tensor dLast) {}

  private record Sizes(
      int batch, int time, int heads, int groups, int headDim, int state, int before) {
    int inner() {
      return heads * headDim;
    }

    int projections() {
      return groups * state;
    }

    int width() {
      return before + inner() + 2 * projections();
    }
  }

  @ParameterizedTest
  @CsvSource({
    // batch, time, heads, groups, headDim, state, channels before x; packed, continued, limited
    "2, 300, 64, 1, 64, 128, 8, false, false, false",
    "2, 300, 64, 1, 64, 128, 8, true, true, false",
    "1, 2048, 8, 1, 64, 128, 0, false, true, true",
    "2, 777, 6, 2, 64, 128, 8, true, true, true",
    "1, 129, 5, 1, 64, 128, 3, false, true, false",
    "2, 257, 40, 2, 64, 16, 0, false, false, false",
    "2, 1, 3, 3, 16, 16, 8, false, true, false",
    "2, 1, 3, 1, 64, 64, 8, false, true, false",
    "2, 3000, 3, 1, 64, 64, 0, false, true, false",
    "1, 1800, 2, 2, 64, 128, 8, true, true, true",
    "1, 400, 4, 2, 128, 128, 0, false, true, false",
    "1, 300, 2, 1, 128, 256, 0, true, false, false",
    "1, 300, 3, 1, 64, 192, 8, true, true, false",
    "1, 200, 7, 1, 48, 80, 8, false, true, true",
    "1, 150, 2, 1, 80, 144, 0, false, true, false",
    "1, 131, 3, 1, 256, 240, 0, false, false, false",
    // Enough heads for one pass where each warp multiplies for itself.
    "2, 300, 64, 1, 48, 80, 8, true, true, false",
    // Where four warps do, walks over more chunks than fit beside each other: 64 states a block,
    "1, 900, 64, 1, 64, 128, 8, true, true, true",
    "1, 1200, 48, 2, 64, 128, 0, false, true, false",
    "2, 1000, 20, 1, 128, 192, 0, false, true, false",
    // and 128.
    "2, 1100, 40, 2, 64, 128, 8, false, true, false",
    "3, 1000, 32, 1, 64, 128, 0, true, true, true",
    "2, 700, 12, 1, 128, 256, 0, false, true, false"
  })
  void agreesWithFloat64AndThePlainPath(
      int batch,
      int time,
      int heads,
      int groups,
      int headDim,
      int state,
      int before,
      boolean packed,
      boolean continued,
      boolean limited) {
    Sizes sizes = new Sizes(batch, time, heads, groups, headDim, state, before);
    SsdInput.Limits limits = limited ? SOME : NONE;
    Numbers numbers = numbers(sizes, packed, continued);
    Map<String, Tensor> exact =
        run(numbers, sizes, limits, "cpu", ScalarType.Double, in -> Ssd.plain(in, 64));
    for (ScalarType type : new ScalarType[] {ScalarType.BFloat16, ScalarType.Float}) {
      Map<String, Tensor> plain =
          run(numbers, sizes, limits, "cuda", type, in -> Ssd.plain(in, 64));
      Map<String, Tensor> fused = run(numbers, sizes, limits, "cuda", type, FusedSsdTest::fused);
      boolean fp32 = type == ScalarType.Float;
      near(type + " against float64", exact, fused, fp32 ? 1e-4 : 1e-2, fp32 ? 3e-4 : 3e-2);
      // In bfloat16 the plain path's gradients of heads are off by a tenth themselves.
      near(type + " against the plain path", plain, fused, fp32 ? 2e-4 : 4e-2, fp32 ? 6e-4 : 0.2);
      Map<String, Tensor> again = run(numbers, sizes, limits, "cuda", type, FusedSsdTest::fused);
      Results.assertSame(fused, again);
    }
  }

  @Test
  void stepsMayBeFloat32BesideBfloat16() {
    Sizes sizes = new Sizes(2, 190, 4, 2, 64, 128, 0);
    Numbers numbers = numbers(sizes, false, false);
    Function<SsdInput, SsdInput> withSteps =
        in ->
            new SsdInput(
                in.x(),
                in.dt().to(ScalarType.Float),
                in.decayLog(),
                in.b(),
                in.c(),
                in.bias(),
                in.skip(),
                in.limits(),
                in.documents(),
                in.initial());
    near(
        "float32 steps",
        run(numbers, sizes, NONE, "cpu", ScalarType.Double, in -> Ssd.plain(in, 64)),
        run(numbers, sizes, NONE, "cuda", ScalarType.BFloat16, in -> fused(withSteps.apply(in))),
        1e-2,
        3e-2);
  }

  @Test
  void headsMayLieApartAndSequencesShareAGradient() {
    Sizes sizes = new Sizes(2, 190, 4, 2, 64, 128, 0);
    Numbers numbers = numbers(sizes, false, true);
    Function<SsdInput, SsdInput> apart =
        in ->
            new SsdInput(
                headsFirst(in.x()),
                in.dt(),
                in.decayLog(),
                headsFirst(in.b()),
                headsFirst(in.c()),
                in.bias(),
                in.skip(),
                in.limits(),
                in.documents(),
                in.initial());
    Function<Ssd.Output, Ssd.Output> ofItsOwn =
        out -> new Ssd.Output(Tensors.mul(out.y(), 1.0), out.state());
    Results.assertSame(
        run(
            numbers,
            sizes,
            NONE,
            "cuda",
            ScalarType.BFloat16,
            in -> summed(ofItsOwn.apply(fused(in)))),
        run(
            numbers,
            sizes,
            NONE,
            "cuda",
            ScalarType.BFloat16,
            in -> summed(fused(apart.apply(in)))));
  }

  /** The same values, but all tokens of a head before those of the next. */
  private static Tensor headsFirst(Tensor tensor) {
    return tensor.transpose(1, 2).contiguous().transpose(1, 2);
  }

  /** The sum over sequences for each of them: their gradients of y are one, at one address. */
  private static Ssd.Output summed(Ssd.Output out) {
    return new Ssd.Output(out.y().sum(0).unsqueeze(0).expand_as(out.y()), out.state());
  }

  @Test
  void staysFiniteWhereDecaysVanishOrLast() {
    for (int heads : new int[] {4, 128}) {
      staysFinite(new Sizes(1, 500, heads, 1, 64, 64, 0));
    }
  }

  private void staysFinite(Sizes sizes) {
    for (double shift : new double[] {-1e4, -20, 5, 1e4, 1e10}) {
      Numbers usual = numbers(sizes, false, false);
      Numbers numbers =
          new Numbers(
              usual.mixed,
              Tensors.add(usual.dt, shift).to(ScalarType.BFloat16).to(ScalarType.Double),
              usual.decayLog,
              usual.bias,
              usual.skip,
              usual.documents,
              usual.initial,
              usual.dy,
              Tensors.mul(usual.dLast, 0.0));
      run(numbers, sizes, NONE, "cuda", ScalarType.BFloat16, FusedSsdTest::fused)
          .forEach(
              (what, value) ->
                  assertTrue(!Tensors.any(value.isnan()), what + " has NaN at dt of " + shift));
    }
  }

  @Test
  void whatItCannotComputeIsLeftToThePlainPath() {
    Sizes sizes = new Sizes(1, 20, 4, 1, 32, 32, 0);
    assertEquals(true, chosen(sizes, ScalarType.BFloat16, KernelMode.AUTO));
    assertEquals(false, chosen(sizes, ScalarType.BFloat16, KernelMode.PLAIN));
    assertEquals(false, chosen(sizes, ScalarType.Double, KernelMode.FUSED));
    assertEquals(
        false, chosen(new Sizes(1, 20, 4, 1, 8, 32, 0), ScalarType.Float, KernelMode.FUSED));
    assertEquals(
        false, chosen(new Sizes(1, 20, 4, 1, 32, 40, 0), ScalarType.Float, KernelMode.FUSED));
  }

  @Test
  void itGivesWayWhereOperatorsAreToBeRecorded() {
    Tensor x = torch.ones(1, 20, 4, 32).to(new Device("cuda"), ScalarType.Float);
    Tensor b = x.narrow(2, 0, 1);
    Tensor perHead = x.select(3, 0).select(1, 0).select(0, 0).contiguous();
    SsdInput in =
        new SsdInput(
            x,
            x.select(3, 0),
            perHead,
            b,
            b,
            perHead,
            perHead,
            NONE,
            Optional.empty(),
            Optional.empty());
    try (KernelMode.Setting kernels = KernelMode.FUSED.set()) {
      assertTrue(FusedSsd.of(in).isPresent());
      CustomFunction.inlined(() -> assertTrue(FusedSsd.of(in).isEmpty()));
    }
  }

  private boolean chosen(Sizes sizes, ScalarType type, KernelMode mode) {
    boolean[] chosen = new boolean[1];
    run(
        numbers(sizes, false, false),
        sizes,
        NONE,
        "cuda",
        type,
        in -> {
          try (KernelMode.Setting kernels = mode.set()) {
            chosen[0] = FusedSsd.of(in).isPresent();
          }
          return Ssd.plain(in, 64);
        });
    return chosen[0];
  }

  private static Ssd.Output fused(SsdInput in) {
    try (KernelMode.Setting kernels = KernelMode.FUSED.set()) {
      return FusedSsd.of(in).orElseThrow().compute(in);
    }
  }

  private Numbers numbers(Sizes s, boolean packed, boolean continued) {
    return new Numbers(
        Samples.rounded(random.values(s.batch, s.time, s.width())),
        Samples.rounded(Tensors.add(random.values(s.batch, s.time, s.heads + 3), -2)),
        Tensors.mul(random.values(s.heads), 0.8),
        Tensors.add(random.values(s.heads), -1),
        random.values(s.heads),
        packed ? Optional.of(random.documents(s.batch, s.time)) : Optional.empty(),
        continued
            ? Optional.of(random.values(s.batch, s.heads, s.headDim, s.state))
            : Optional.empty(),
        Samples.rounded(random.values(s.batch, s.time, s.heads, s.headDim)),
        // What a packed sequence leaves behind is not defined: padding belongs to no document.
        Tensors.mul(random.values(s.batch, s.heads, s.headDim, s.state), packed ? 0.0 : 1.0));
  }

  /** Outputs and gradients; x, B, C and dt are parts of wider tensors, as in the mixer. */
  private static Map<String, Tensor> run(
      Numbers numbers,
      Sizes s,
      SsdInput.Limits limits,
      String device,
      ScalarType type,
      Function<SsdInput, Ssd.Output> ssd) {
    Device on = new Device(device);
    ScalarType steps = type == ScalarType.Double ? ScalarType.Double : ScalarType.Float;
    Tensor mixed = Samples.leaf(numbers.mixed, on, type);
    Tensor dt = Samples.leaf(numbers.dt, on, type);
    Tensor decayLog = Samples.leaf(numbers.decayLog, on, steps);
    Tensor bias = Samples.leaf(numbers.bias, on, steps);
    Tensor skip = Samples.leaf(numbers.skip, on, steps);
    Optional<Tensor> initial = numbers.initial.map(i -> Samples.leaf(i, on, steps));
    int b = s.before + s.inner();
    int c = b + s.projections();
    Ssd.Output out =
        ssd.apply(
            new SsdInput(
                mixed.narrow(2, s.before, s.inner()).unflatten(2, s.heads, s.headDim),
                dt.narrow(2, 2, s.heads),
                decayLog,
                mixed.narrow(2, b, s.projections()).unflatten(2, s.groups, s.state),
                mixed.narrow(2, c, s.projections()).unflatten(2, s.groups, s.state),
                bias,
                skip,
                limits,
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
    found.put("the gradient of x", mixed.grad().narrow(2, s.before, s.inner()));
    found.put("the gradient of B", mixed.grad().narrow(2, b, s.projections()));
    found.put("the gradient of C", mixed.grad().narrow(2, c, s.projections()));
    found.put("the gradient of dt", dt.grad());
    found.put("the gradient of A's logarithm", decayLog.grad());
    found.put("the gradient of the bias", bias.grad());
    found.put("the gradient of D", skip.grad());
    initial.ifPresent(i -> found.put("the gradient of the initial state", i.grad()));
    return Results.copied(found);
  }

  /** A gradient of one number a head is of many that add up to little. */
  private static void near(
      String how,
      Map<String, Tensor> expected,
      Map<String, Tensor> actual,
      double bound,
      double perHead) {
    Results.assertNear(how, expected, actual, (what, value) -> value.dim() == 1 ? perHead : bound);
  }
}
