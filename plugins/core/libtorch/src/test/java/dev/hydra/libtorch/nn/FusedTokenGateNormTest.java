package dev.hydra.libtorch.nn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.kernels.KernelMode;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import dev.hydra.testing.RandomInput;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
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
import org.junit.jupiter.params.provider.ValueSource;

@ExtendWith(InScope.class)
class FusedTokenGateNormTest {
  private static final double EPSILON = 1e-5;

  private final RandomInput random = new RandomInput();

  private Twins twins(int rows, int width, int addends) {
    Twins twins =
        new Twins()
            .weight("the stream", random.values(2, rows, width))
            .weight("the weight", random.values(width))
            .element("x", random.values(2, rows, width))
            .weight("the gate's weight", Tensors.mul(random.values(1, width), 1 / Math.sqrt(width)))
            .weight("the gate's bias", random.values(1))
            .element("the value", random.values(2, rows, width));
    for (int i = 0; i < addends; i++) {
      twins.element("addend " + i, random.values(2, rows, width));
      twins.weight("gate " + i, Tensor.create(0.15 + 0.6 * i));
    }
    return twins;
  }

  private static List<GatedAddend> addends(Map<String, Tensor> in) {
    List<GatedAddend> addends = new ArrayList<>();
    for (int i = 0; in.containsKey("addend " + i); i++) {
      addends.add(new GatedAddend(in.get("addend " + i), in.get("gate " + i), 1 + 0.5 * i));
    }
    return addends;
  }

  /** What a gate lets through, and where it says how open it is. */
  private static TokenGatedAddend last(Map<String, Tensor> in, Tensor x, Map<String, Tensor> told) {
    return new TokenGatedAddend(
        x,
        in.get("the gate's weight"),
        in.get("the gate's bias"),
        in.get("the value"),
        0.75,
        gates -> told.put("the gates", gates));
  }

  private static Map<String, Tensor> fused(Map<String, Tensor> in, Tensor x) {
    Map<String, Tensor> found = new LinkedHashMap<>();
    TokenGatedAddend last = last(in, x, found);
    Norms.Summed summed =
        normed(in.get("the stream"), addends(in), last, in.get("the weight")).orElseThrow();
    found.put("the sum", summed.sum());
    found.put("the norm", summed.normed());
    return found;
  }

  private static Map<String, Tensor> plain(Map<String, Tensor> in) {
    Map<String, Tensor> found = new LinkedHashMap<>();
    Tensor sum = in.get("the stream");
    for (GatedAddend each : addends(in)) {
      sum = each.plain(sum);
    }
    sum = last(in, in.get("x"), found).plain(sum);
    ScalarType type = Tensors.type(in.get("x"));
    found.put("the sum", sum);
    Tensor weight = in.get("the weight");
    found.put("the norm", Norms.rmsOfStream(sum, Optional.empty(), weight, EPSILON, type).normed());
    return found;
  }

  private static Optional<Norms.Summed> normed(
      Tensor stream, List<GatedAddend> addends, TokenGatedAddend last, Tensor weight) {
    ScalarType type = Tensors.type(last.x());
    return Norms.rmsOfGated(stream, addends, Optional.of(last), weight, EPSILON, type);
  }

  @ParameterizedTest
  @CsvSource({
    // rows, width, addends
    "1, 8, 0",
    "5, 64, 2",
    "7, 33, 2",
    "3001, 384, 2",
    "1000, 384, 1",
    "77, 768, 0",
    "700, 2048, 2",
    "513, 2048, 1",
    "61, 4096, 0"
  })
  @Tag("cuda")
  @EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
  void agreesWithFloat64AndThePlainTwin(int rows, int width, int addends) {
    Twins twins = twins(rows, width, addends);
    for (ScalarType type : new ScalarType[] {ScalarType.Float, ScalarType.BFloat16}) {
      twins.check(
          in -> fused(in, in.get("x")), FusedTokenGateNormTest::plain, type, ScalarType.Float);
    }
  }

  /** Behind the last block nobody reads the sum. */
  @ParameterizedTest
  @ValueSource(strings = {"the sum", "the norm"})
  @Tag("cuda")
  @EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
  void oneOfItsResultsIsEnough(String result) {
    twins(130, 384, 1)
        .check(
            in -> Map.of(result, only(fused(in, in.get("x")), result)),
            in -> Map.of(result, only(plain(in), result)),
            ScalarType.BFloat16,
            ScalarType.Float);
  }

  private static Tensor only(Map<String, Tensor> results, String name) {
    return results.get(name);
  }

  /** Whichever of two readers of what a gate reads comes first, the other adds its gradient. */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  @Tag("cuda")
  @EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
  void theGradientOfWhatTheGateReadsCountsInASum(boolean first) {
    twins(130, 384, 2)
        .check(
            in -> {
              Tensor x = GradientSum.of(in.get("x"));
              Map<String, Tensor> found = new LinkedHashMap<>();
              if (!first) {
                found.put("what another gate lets through", other(in, x));
              }
              found.putAll(fused(in, x));
              if (first) {
                found.put("what another gate lets through", other(in, x));
              }
              return found;
            },
            in -> {
              Map<String, Tensor> found = new LinkedHashMap<>();
              if (!first) {
                found.put("what another gate lets through", other(in, in.get("x")));
              }
              found.putAll(plain(in));
              if (first) {
                found.put("what another gate lets through", other(in, in.get("x")));
              }
              return found;
            },
            ScalarType.Float,
            ScalarType.Float);
  }

  private static Tensor other(Map<String, Tensor> in, Tensor x) {
    Tensor weight = in.get("the gate's weight");
    Tensor bias = in.get("the gate's bias");
    return FusedTokenGate.compute(x, weight, bias, in.get("addend 0"), 1, null, List.of())
        .map(FusedTokenGate.Gated::values)
        .orElseGet(() -> Tensors.linear(x, weight, bias).sigmoid().mul(in.get("addend 0")));
  }

  @ParameterizedTest
  @CsvSource({"1, 48, 1", "37, 33, 2", "3000, 384, 0", "1024, 2048, 2"})
  @Tag("cuda")
  @EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
  void theBitsAreThoseOfPassesApart(int rows, int width, int addends) {
    for (ScalarType type : new ScalarType[] {ScalarType.Float, ScalarType.BFloat16}) {
      Map<String, Tensor> in = new LinkedHashMap<>();
      in.put("the stream", values(ScalarType.Float, 2, rows, width));
      in.put("the weight", values(ScalarType.Float, width));
      // Rows that are parts of wider ones
      in.put("x", values(type, 2, rows, width + 8).narrow(2, 0, width));
      in.put("the gate's weight", values(ScalarType.Float, 1, width));
      in.put("the gate's bias", values(ScalarType.Float, 1));
      in.put("the value", values(type, 2, rows, width + 16).narrow(2, 8, width));
      for (int i = 0; i < addends; i++) {
        in.put("addend " + i, values(type, 2, rows, width));
        in.put("gate " + i, values(ScalarType.Float, 1));
      }
      Map<String, Tensor> apart = new LinkedHashMap<>();
      try (Grad off = Grad.off()) {
        Tensor sum = last(in, in.get("x"), apart).addTo(in.get("the stream"), addends(in));
        Tensor weight = in.get("the weight");
        apart.put("the sum", sum);
        apart.put("the norm", Norms.rms(sum, weight, EPSILON, type));
        fused(in, in.get("x"))
            .forEach(
                (name, found) -> assertTrue(found.equal(apart.get(name)), name + " in " + type));
      }
    }
  }

  private Tensor values(ScalarType type, long... sizes) {
    return random.values(sizes).to(new Device("cuda"), type);
  }

  @Test
  @Tag("cuda")
  @EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
  void whatItCannotComputeIsLeftToTheStream() {
    Tensor x = torch.ones(2, 3, 8).to(new Device("cuda"), ScalarType.Float);
    Tensor weight = x.view(-1).narrow(0, 0, 8);
    GatedAddend one = new GatedAddend(x, weight.narrow(0, 0, 1), 1);
    TokenGatedAddend last = ones(x);
    assertTrue(normed(x, List.of(one, one), last, weight).isPresent());
    assertTrue(normed(x, List.of(one, one, one), last, weight).isEmpty(), "three addends");
    Tensor half = x.to(ScalarType.BFloat16);
    GatedAddend other = new GatedAddend(half, one.gate(), 1);
    assertTrue(normed(x, List.of(other), last, weight).isEmpty(), "of another type");
    Tensor halfGate = half.view(-1).narrow(0, 0, 8).view(1, 8);
    TokenGatedAddend narrow =
        new TokenGatedAddend(x, halfGate, halfGate.view(-1).narrow(0, 0, 1), x, 1, gates -> {});
    assertTrue(narrow.canWait(x));
    assertTrue(normed(x, List.of(), narrow, weight).isEmpty(), "a gate in bfloat16");
    Tensor wide = torch.ones(1, 2, 8192).to(new Device("cuda"), ScalarType.BFloat16);
    Tensor stream = wide.to(ScalarType.Float);
    assertTrue(
        normed(stream, List.of(), ones(wide), stream.view(-1).narrow(0, 0, 8192)).isEmpty(),
        "too wide");
    try (KernelMode.Setting plain = KernelMode.PLAIN.set()) {
      assertTrue(normed(x, List.of(one), last, weight).isEmpty(), "plain");
      assertFalse(last.canWait(x), "plain");
    }
  }

  /** A gate that lets a tensor through, by which it is open, weights of ones in float32. */
  private static TokenGatedAddend ones(Tensor x) {
    Tensor weight = torch.ones(1, x.size(-1)).to(x.device(), ScalarType.Float);
    return new TokenGatedAddend(x, weight, weight.view(-1).narrow(0, 0, 1), x, 1, gates -> {});
  }

  /** What waits for a norm is added in its order where no norm adds it. */
  @Test
  void itIsAddedOnTheCpuToo() {
    List<Tensor> told = new ArrayList<>();
    TokenGatedAddend addend =
        new TokenGatedAddend(
            Tensor.create(1.0, 1.0).view(1, 2),
            Tensor.create(1.0, -1.0).view(1, 2),
            Tensor.create(Math.log(3)),
            Tensor.create(3.0, 4.0).view(1, 2),
            2,
            told::add);
    Tensor stream = Tensor.create(1.0, 2.0).view(1, 2);
    GatedAddend before =
        new GatedAddend(Tensor.create(10.0, 20.0).view(1, 2), Tensor.create(0.5), 1);
    double[] sum = Tensors.numbers(addend.addTo(stream, List.of(before)));
    assertThat(sum[0]).isCloseTo(1 + 5 + 2 * 0.75 * 3, within(1e-12));
    assertThat(sum[1]).isCloseTo(2 + 10 + 2 * 0.75 * 4, within(1e-12));
    assertThat(told).hasSize(1);
    assertThat(Tensors.number(told.get(0))).isCloseTo(0.75, within(1e-12));
    assertFalse(addend.canWait(stream), "on a CPU");
  }
}
