package dev.hydra.libtorch.nn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.autograd.CustomFunction;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import dev.hydra.testing.RandomInput;
import java.util.LinkedHashMap;
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

@ExtendWith(InScope.class)
@Tag("cuda")
@EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
class FusedNormTest {
  private static final double EPSILON = 1e-5;

  /** Types as they are tried: that of x, else a fixed one beside bfloat16. */
  private enum Wide {
    NEITHER,
    STREAM,
    RESULT
  }

  private final RandomInput random = new RandomInput();

  @ParameterizedTest
  @CsvSource({
    // rows, groups, width, channels before x; own weights, none, residual; what is float32
    "1, 1, 8, 0, false, false, false, NEITHER",
    "5, 1, 64, 8, false, false, true, STREAM",
    "9, 1, 40, 4, false, false, true, NEITHER",
    "7, 1, 33, 1, false, false, true, STREAM",
    "11, 3, 64, 8, true, false, false, NEITHER",
    "4, 4, 128, 8, false, false, false, RESULT",
    "6, 5, 48, 8, false, true, false, NEITHER",
    "3, 1, 2560, 8, false, true, false, RESULT",
    "33, 1, 2048, 8, false, false, true, STREAM",
    "3001, 1, 768, 8, false, false, true, STREAM",
    "517, 8, 512, 8, true, false, false, NEITHER",
    "61, 1, 16384, 8, false, false, true, NEITHER"
  })
  void agreesWithFloat64AndThePlainTwin(
      int rows,
      int groups,
      int width,
      int before,
      boolean own,
      boolean weightless,
      boolean residual,
      Wide wide) {
    int channels = groups * width;
    Twins twins =
        new Twins().element("what x is a part of", random.values(2, rows, before + channels));
    if (residual && wide == Wide.STREAM) {
      twins.weight("the stream", random.values(2, rows, channels));
    } else if (residual) {
      twins.element("the stream", random.values(2, rows, channels));
    }
    if (!weightless) {
      twins.weight("the weight", random.values(own ? channels : width));
    }
    twins.check(
        in -> {
          NormInput input = input(in, before, width, weightless ? 0.7 : 1, wide);
          FusedNorm norm =
              (residual ? FusedNorm.ofStream(input) : FusedNorm.of(input)).orElseThrow();
          return results(norm.compute(input));
        },
        in -> {
          NormInput input = input(in, before, width, weightless ? 0.7 : 1, wide);
          Tensor sum = input.plainSum();
          Tensor normed = input.plainNorm(sum);
          return residual ? results(sum, normed) : results(normed);
        });
  }

  private static NormInput input(
      Map<String, Tensor> in, int before, int width, double factor, Wide wide) {
    Tensor whole = in.get("what x is a part of");
    Tensor x = whole.narrow(2, before, whole.size(2) - before);
    ScalarType type = Tensors.type(wide == Wide.RESULT ? Tensors.upcast(x) : x);
    return new NormInput(
        x,
        Optional.ofNullable(in.get("the stream")),
        Optional.ofNullable(in.get("the weight")),
        width,
        factor,
        EPSILON,
        type);
  }

  private static Map<String, Tensor> results(Tensor... outputs) {
    Map<String, Tensor> named = new LinkedHashMap<>();
    for (int i = 0; i < outputs.length; i++) {
      named.put(i == outputs.length - 1 ? "the norm" : "the sum", outputs[i]);
    }
    return named;
  }

  @ParameterizedTest
  @CsvSource({
    // rows, width, whether something is added before, whether the sum is used, too
    "1, 8, false, true",
    "7, 33, false, true",
    "7, 33, true, true",
    "37, 512, true, false",
    "37, 512, false, false",
    "301, 2048, false, true",
    "301, 2048, true, true",
    "40, 6144, false, true"
  })
  void ofTheStreamAgreesWithFloat64AndThePlainTwin(
      int rows, int width, boolean added, boolean both) {
    // The stream is of the type of weights, the norm of that of activations.
    Twins twins =
        new Twins()
            .element("x", random.values(2, rows, width))
            .weight("the stream", random.values(2, rows, width))
            .weight("the weight", random.values(width));
    twins.check(
        in -> {
          NormInput input =
              new NormInput(
                  in.get(added ? "x" : "the stream"),
                  added ? Optional.of(in.get("the stream")) : Optional.empty(),
                  Optional.of(in.get("the weight")),
                  width,
                  1,
                  EPSILON,
                  Tensors.type(in.get("x")));
          Tensor[] found = FusedNorm.ofStream(input).orElseThrow().compute(input);
          return used(both, new Norms.Summed(found[0], found[1]));
        },
        in ->
            used(
                both,
                Norms.rmsOfStream(
                    in.get("the stream"),
                    added ? Optional.of(in.get("x")) : Optional.empty(),
                    in.get("the weight"),
                    EPSILON,
                    Tensors.type(in.get("x")))));
  }

  private static Map<String, Tensor> used(boolean both, Norms.Summed summed) {
    Map<String, Tensor> results = new LinkedHashMap<>();
    if (both) {
      results.put("the sum", summed.sum());
    }
    results.put("the norm", summed.normed());
    return results;
  }

  @ParameterizedTest
  @CsvSource({
    // rows, groups, width, channels before x; own weights, norm first
    "1, 1, 8, 0, false, false",
    "5, 1, 64, 8, false, true",
    "7, 1, 33, 1, false, false",
    "11, 3, 64, 8, true, false",
    "11, 3, 64, 8, true, true",
    "4, 4, 128, 4, false, true",
    "33, 1, 2048, 8, false, false",
    "517, 1, 4096, 8, false, true",
    "1030, 1, 1536, 8, false, false",
    "40, 1, 20000, 8, false, false"
  })
  void withGateAgreesWithFloat64AndThePlainTwin(
      int rows, int groups, int width, int before, boolean own, boolean normFirst) {
    int channels = groups * width;
    Twins twins =
        new Twins()
            .element("x", random.values(2, rows, channels))
            .element("what z is a part of", random.values(2, rows, before + channels))
            .weight("the weight", random.values(own ? channels : width));
    twins.check(
        in -> {
          GatedNormInput input = gated(in, before, width, normFirst);
          FusedGatedNorm norm = FusedGatedNorm.of(input).orElseThrow();
          return Map.of("y", norm.apply(in.get("x"), input.z(), in.get("the weight"))[0]);
        },
        in -> Map.of("y", gated(in, before, width, normFirst).plain()));
  }

  private static GatedNormInput gated(
      Map<String, Tensor> in, int before, int width, boolean normFirst) {
    Tensor x = in.get("x");
    NormInput norm =
        new NormInput(
            x,
            Optional.empty(),
            Optional.of(in.get("the weight")),
            width,
            1,
            EPSILON,
            Tensors.type(x));
    Tensor z = in.get("what z is a part of").narrow(2, before, x.size(2));
    return new GatedNormInput(norm, z, normFirst);
  }

  @Test
  void whatItCannotComputeIsLeftToThePlainTwin() {
    assertTrue(FusedNorm.of(of(ScalarType.Float, 8)).isPresent());
    assertTrue(FusedNorm.of(of(ScalarType.Double, 8)).isEmpty(), "float64");
    assertTrue(FusedNorm.of(of(ScalarType.Float, 1 << 16)).isEmpty(), "a large width");
    CustomFunction.inlined(() -> assertTrue(FusedNorm.of(of(ScalarType.Float, 8)).isEmpty()));
  }

  @Test
  void aSumThatNothingComesBackToHasTheGradientOfItsNorm() {
    Tensor stream = ones(ScalarType.Float, 8).set_requires_grad(true);
    Tensor x = ones(ScalarType.BFloat16, 8).set_requires_grad(true);
    Tensor weight = ones(ScalarType.Float, 8).view(8);
    Norms.Summed summed =
        Norms.rmsOfStream(stream, Optional.of(x), weight, EPSILON, ScalarType.BFloat16);
    summed.normed().sum().backward();
    assertEquals(ScalarType.BFloat16, Tensors.type(x.grad()));
    assertEquals(0, Tensors.number(stream.grad().sub(x.grad()).norm()), 1e-3);
  }

  private static NormInput of(ScalarType type, int width) {
    return new NormInput(
        ones(type, width), Optional.empty(), Optional.empty(), width, 1, EPSILON, type);
  }

  private static Tensor ones(ScalarType type, int width) {
    return torch.ones(1, width).to(new Device("cuda"), type);
  }
}
