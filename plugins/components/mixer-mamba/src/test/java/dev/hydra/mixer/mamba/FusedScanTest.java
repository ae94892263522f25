package dev.hydra.mixer.mamba;

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
class FusedScanTest {

  private final RandomInput random = new RandomInput();

  /** Numbers of one case in float64, those that kernels get in bfloat16 rounded to it. */
  private record Numbers(
      Tensor x,
      Tensor dt,
      Tensor a,
      Tensor selected,
      Tensor bias,
      Tensor skip,
      Optional<Tensor> documents,
      Optional<Tensor> initial,
      Tensor dy,
      Tensor dLast) {}

  @ParameterizedTest
  @CsvSource({
    // batch, time, channels, state; packed, continued
    "1, 1, 3, 4, false, false",
    "2, 37, 20, 16, true, false",
    "1, 48, 33, 16, false, true",
    "2, 19, 7, 8, false, true",
    "1, 70, 9, 32, true, true",
    "3, 500, 256, 16, true, false",
    "1, 2048, 96, 16, false, true",
    // states that fill no launch, or several
    "2, 90, 40, 12, true, true",
    "1, 75, 33, 37, false, true",
    "2, 130, 24, 64, true, false",
    "1, 100, 40, 128, false, true",
    "1, 300, 70, 256, true, true",
    // so many channels that time is one span
    "3, 70, 3000, 16, true, true",
    "3, 40, 3000, 20, true, true",
    "2, 33, 4600, 1, false, true"
  })
  void agreesWithFloat64AndThePlainPath(
      int batch, int time, int channels, int state, boolean packed, boolean continued) {
    Numbers numbers = numbers(batch, time, channels, state, packed, continued);
    Map<String, Tensor> exact =
        run(numbers, new Device("cpu"), ScalarType.Double, FusedScanTest::plain);
    Device cuda = new Device("cuda");
    for (ScalarType type : new ScalarType[] {ScalarType.BFloat16, ScalarType.Float}) {
      boolean fp32 = type == ScalarType.Float;
      Map<String, Tensor> fused = run(numbers, cuda, type, FusedScanTest::fused);
      Results.assertNear(type + " against float64", exact, fused, fp32 ? 1e-4 : 1e-2);
      Results.assertNear(
          type + " against the plain path",
          run(numbers, cuda, type, FusedScanTest::plain),
          fused,
          fp32 ? 2e-4 : 2e-2);
      Map<String, Tensor> again = run(numbers, cuda, type, FusedScanTest::fused);
      Results.assertSame(fused, again);
    }
  }

  @Test
  void whatItCannotComputeIsLeftToThePlainPath() {
    assertTrue(FusedScan.of(input(16, ScalarType.BFloat16)).isPresent());
    assertTrue(FusedScan.of(input(16, ScalarType.Double)).isEmpty(), "float64");
    SelectiveInput good = input(16, ScalarType.Float);
    CustomFunction.inlined(() -> assertTrue(FusedScan.of(good).isEmpty(), "inlined"));
    try (KernelMode.Setting plain = KernelMode.PLAIN.set()) {
      assertTrue(FusedScan.of(input(16, ScalarType.Float)).isEmpty(), "plain");
    }
  }

  private SelectiveInput input(int state, ScalarType type) {
    SelectiveInput[] seen = new SelectiveInput[1];
    run(
        numbers(1, 5, 8, state, false, false),
        new Device("cuda"),
        type,
        in -> {
          seen[0] = in;
          return plain(in);
        });
    return seen[0];
  }

  private static SelectiveScan.Output plain(SelectiveInput in) {
    return SelectiveScan.plain(in, 32);
  }

  private static SelectiveScan.Output fused(SelectiveInput in) {
    try (KernelMode.Setting kernels = KernelMode.FUSED.set()) {
      return FusedScan.of(in).orElseThrow().compute(in);
    }
  }

  private Numbers numbers(
      int batch, int time, int channels, int state, boolean packed, boolean continued) {
    return new Numbers(
        Samples.rounded(random.values(batch, time, channels + 3)),
        Samples.rounded(random.values(batch, time, channels)),
        random.values(channels, state).exp().neg(),
        Samples.rounded(random.values(batch, time, 3 + 2 * state)),
        Tensors.add(random.values(channels), -2),
        random.values(channels),
        packed ? Optional.of(random.documents(batch, time)) : Optional.empty(),
        continued ? Optional.of(random.values(batch, channels, state)) : Optional.empty(),
        Samples.rounded(random.values(batch, time, channels)),
        random.values(batch, channels, state));
  }

  /** Outputs and gradients; x, b and c are parts of wider tensors. */
  private static Map<String, Tensor> run(
      Numbers numbers,
      Device on,
      ScalarType type,
      Function<SelectiveInput, SelectiveScan.Output> scan) {
    ScalarType wide = type == ScalarType.Double ? ScalarType.Double : ScalarType.Float;
    Tensor x = Samples.leaf(numbers.x, on, type);
    Tensor dt = Samples.leaf(numbers.dt, on, type);
    Tensor a = Samples.leaf(numbers.a, on, wide);
    Tensor selected = Samples.leaf(numbers.selected, on, type);
    Tensor bias = Samples.leaf(numbers.bias, on, wide);
    Tensor skip = Samples.leaf(numbers.skip, on, wide);
    Optional<Tensor> initial = numbers.initial.map(i -> Samples.leaf(i, on, wide));
    long state = numbers.a.size(1);
    SelectiveScan.Output out =
        scan.apply(
            new SelectiveInput(
                x.narrow(2, 2, numbers.dt.size(2)),
                dt,
                a,
                selected.narrow(2, 3, state),
                selected.narrow(2, 3 + state, state),
                bias,
                skip,
                numbers.documents.map(d -> d.to(on, ScalarType.Long)),
                initial));
    Tensor loss = out.y().to(ScalarType.Double).mul(numbers.dy.to(on, ScalarType.Double)).sum();
    Tensor dLast = numbers.dLast.to(on, ScalarType.Double);
    Backward.run(loss.add(out.state().to(ScalarType.Double).mul(dLast).sum()));

    Map<String, Tensor> found = new LinkedHashMap<>();
    found.put("y", out.y());
    found.put("the last state", out.state());
    found.put("the gradient of x", x.grad());
    found.put("the gradient of dt", dt.grad());
    found.put("the gradient of a", a.grad());
    found.put("the gradient of b", selected.grad().narrow(2, 3, state));
    found.put("the gradient of c", selected.grad().narrow(2, 3 + state, state));
    found.put("the gradient of the bias", bias.grad());
    found.put("the gradient of the skip", skip.grad());
    initial.ifPresent(i -> found.put("the gradient of the initial state", i.grad()));
    return Results.copied(found);
  }
}
