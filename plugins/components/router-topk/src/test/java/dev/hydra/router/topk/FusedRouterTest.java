package dev.hydra.router.topk;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import dev.hydra.api.Role;
import dev.hydra.composer.model.Components;
import dev.hydra.composer.model.ForwardContext;
import dev.hydra.composer.model.ModelState;
import dev.hydra.composer.model.Placement;
import dev.hydra.composer.model.StandaloneComponent;
import dev.hydra.libtorch.autograd.Backward;
import dev.hydra.libtorch.kernels.KernelMode;
import dev.hydra.libtorch.nn.GradientSum;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import dev.hydra.testing.RandomInput;
import dev.hydra.testing.Results;
import dev.hydra.testing.Samples;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.ToDoubleBiFunction;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Routers by CUDA kernels against LibTorch's operators on the same device, and against float64. */
@ExtendWith(InScope.class)
@Tag("cuda")
@EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
class FusedRouterTest {
  private static final String GRADIENT_OF_X = "gradient of x";

  private final RandomInput random = new RandomInput();

  /** What routers are given: hidden states between two others in memory, and parameters. */
  private record Given(
      Config config, Tensor x, Tensor weight, Tensor direction, Optional<Tensor> documents) {
    long width() {
      return weight.size(1);
    }
  }

  private Given given(int batch, int time, int width, int experts, String options, boolean packed) {
    return new Given(
        ConfigFactory.parseString(options),
        Samples.rounded(random.values(batch, time, width + 16L)),
        Samples.rounded(Tensors.mul(random.values(experts, width), 3 / Math.sqrt(width))),
        Samples.rounded(random.values(batch, time, experts)),
        packed ? Optional.of(random.documents(batch, time)) : Optional.empty());
  }

  @ParameterizedTest
  @CsvSource({
    // batch, time, width, experts; options
    "2, 256, 384, 4, 'type = chunk-topk, chunk = 32'",
    "1, 256, 2048, 8, 'type = chunk-topk, chunk = 64'",
    "3, 12, 7, 5, 'type = chunk-topk, chunk = 4, bias-rate = 0.1, score = sigmoid'",
    "1, 10, 33, 9, 'type = chunk-topk, chunk = 5, summary = first-token, score = sigmoid'",
    "2, 8, 1000, 40, 'type = chunk-topk, chunk = 8, top-k = 40, normalize = false'",
    "1, 12, 4100, 128, 'type = chunk-topk, chunk = 3, top-k = 7, balance-loss = 0.5'",
    "2, 40, 100, 6, 'type = chunk-topk, chunk = 8, summary = running-mean, z-loss = 0.5'",
    "1, 6, 9000, 3, 'type = chunk-topk, chunk = 2'",
    "1, 12, 8, 1, 'type = chunk-topk, chunk = 3, top-k = 1, z-loss = 0.5'",
    "2, 2500, 64, 6, 'type = topk, balance-loss = 0.5'",
    "1, 3000, 48, 33, 'type = topk, score = sigmoid, normalize = false, bias-rate = 0.01'",
    "2, 7, 16, 200, 'type = topk'"
  })
  void agreesWithFloat64AndThePlainTwin(
      int batch, int time, int width, int experts, String options) {
    check(given(batch, time, width, experts, options, false));
  }

  @Test
  void choosesForPackedDocuments() {
    check(given(2, 96, 40, 4, "type = chunk-topk, chunk = 8", true));
  }

  private static void check(Given given) {
    Map<String, Tensor> exact = run(KernelMode.PLAIN, "cpu", ScalarType.Double, given);
    for (ScalarType type : new ScalarType[] {ScalarType.Float, ScalarType.BFloat16}) {
      Map<String, Tensor> fused = run(KernelMode.FUSED, "cuda", type, given);
      double bound = type == ScalarType.Float ? 2e-5 : 6e-3;
      Results.assertNear(type + " against float64", exact, fused, bound(bound));
      Results.assertNear(
          type + " against the twin",
          run(KernelMode.PLAIN, "cuda", type, given),
          fused,
          bound(2 * bound));
      Results.assertSame(fused, run(KernelMode.FUSED, "cuda", type, given));
    }
  }

  private static ToDoubleBiFunction<String, Tensor> bound(double ofX) {
    return (what, value) -> what.equals(GRADIENT_OF_X) ? ofX : 4e-5;
  }

  /** The dense routing, losses, observations, moves of the bias, and gradients. */
  private static Map<String, Tensor> run(
      KernelMode mode, String device, ScalarType type, Given given) {
    Device on = new Device(device);
    ForwardContext training = ForwardContext.training().observing();
    try (KernelMode.Setting kernels = mode.set();
        StandaloneComponent router = router(on, type, given);
        ForwardContext forward =
            given
                .documents()
                .map(d -> training.withDocuments(d.to(on, ScalarType.Long)))
                .orElse(training)) {
      Map<String, Tensor> found = new TreeMap<>();
      Tensor x = Samples.leaf(given.x(), on, type);
      Tensor dense = router.forward(x.narrow(2, 8, given.width()), forward);
      found.put("routing", dense);
      found.putAll(forward.losses());
      found.putAll(forward.observations());
      forward.adjustments().forEach((name, delta) -> found.put("move of " + name, delta));
      Tensor loss = dense.mul(given.direction().to(on, Tensors.type(dense))).sum();
      for (Tensor each : forward.losses().values()) {
        loss = loss.add(Tensors.mul(each, 70.0));
      }
      Backward.run(loss);
      found.put(GRADIENT_OF_X, x.grad());
      found.put("gradient of the weight", Routers.weight(router).grad());
      return Results.copied(found);
    }
  }

  @Test
  void itsGradientIsAddedToThatOfOtherReaders() {
    Given given = given(2, 256, 384, 4, "type = chunk-topk, chunk = 32", false);
    for (ScalarType type : new ScalarType[] {ScalarType.Float, ScalarType.BFloat16}) {
      double bound = type == ScalarType.Float ? 1e-6 : 6e-3;
      Tensor expected = gradientOfTwoReaders(type, given, UnaryOperator.identity());
      Tensor found = gradientOfTwoReaders(type, given, GradientSum::of);
      Samples.assertNear(type + "", expected, found, bound);
    }
  }

  /** The gradient of hidden states that are routed twice. */
  private static Tensor gradientOfTwoReaders(
      ScalarType type, Given given, UnaryOperator<Tensor> sharing) {
    Device on = new Device("cuda");
    try (KernelMode.Setting kernels = KernelMode.FUSED.set();
        StandaloneComponent router = router(on, type, given);
        ForwardContext first = ForwardContext.training();
        ForwardContext second = ForwardContext.training()) {
      Tensor leaf = Samples.leaf(given.x().narrow(2, 8, given.width()).contiguous(), on, type);
      Tensor x = sharing.apply(leaf);
      Tensor twice = router.forward(x, first).sub(Tensors.mul(router.forward(x, second), 3));
      Backward.run(twice.mul(given.direction().to(on, Tensors.type(twice))).sum());
      return leaf.grad().to(new Device("cpu"), ScalarType.Double);
    }
  }

  private static StandaloneComponent router(Device device, ScalarType type, Given given) {
    StandaloneComponent router =
        new StandaloneComponent(
            Components.of(new TopKRouterFactory(), new ChunkTopKRouterFactory()),
            Role.ROUTER,
            given.config(),
            (int) given.width(),
            (int) given.weight().size(0),
            new Placement(device, type),
            1);
    router.parameters().load("component.weight", given.weight());
    if (given.config().hasPath("bias-rate")) {
      Tensor bias = Tensors.mul(given.direction().select(0, 0).select(0, 0), 0.1);
      router.parameters().adjust("component.bias", bias.to(device, ScalarType.Float));
    }
    return router;
  }

  /** Kernels decide for whole sequences as states do for their parts. */
  @ParameterizedTest
  @CsvSource({"previous-chunk", "first-token", "running-mean"})
  void partsAreRoutedAsTheWholeIs(String summary) {
    Given given =
        given(1, 64, 384, 4, "type = chunk-topk, chunk = 16, summary = " + summary, false);
    Device device = new Device("cuda");
    Tensor x = given.x().narrow(2, 8, 384).to(device, ScalarType.BFloat16);
    try (KernelMode.Setting kernels = KernelMode.FUSED.set();
        StandaloneComponent router = router(device, ScalarType.BFloat16, given);
        ForwardContext whole = ForwardContext.evaluation();
        ModelState state = new ModelState()) {
      Tensor expected = router.forward(x, whole);
      int from = 0;
      for (int length : new int[] {32, 16, 3, 1, 12}) {
        try (ForwardContext forward = ForwardContext.evaluation().with(state)) {
          Tensor part = router.forward(x.narrow(1, from, length), forward);
          Samples.assertNear("from " + from, expected.narrow(1, from, length), part, 1e-5);
        }
        from += length;
      }
      assertEquals(64, from);
    }
  }
}
