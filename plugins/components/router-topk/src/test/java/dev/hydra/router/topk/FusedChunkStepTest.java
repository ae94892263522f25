package dev.hydra.router.topk;

import static org.assertj.core.api.Assertions.assertThat;

import com.typesafe.config.ConfigFactory;
import dev.hydra.api.Role;
import dev.hydra.composer.model.BatchState;
import dev.hydra.composer.model.Components;
import dev.hydra.composer.model.ForwardContext;
import dev.hydra.composer.model.ModelState;
import dev.hydra.composer.model.Placement;
import dev.hydra.composer.model.StandaloneComponent;
import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.kernels.KernelMode;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import dev.hydra.testing.RandomInput;
import dev.hydra.testing.Results;
import dev.hydra.testing.Samples;
import java.util.Map;
import java.util.TreeMap;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Single tokens of several texts, routed by the kernel, by LibTorch's operators and in float64. */
@ExtendWith(InScope.class)
@Tag("cuda")
@EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
class FusedChunkStepTest {
  private static final int STEPS = 40;
  private static final int LONGEST = 24;
  private static final long[] BEFORE = {1, 7, 8, LONGEST, 13};

  private final RandomInput random = new RandomInput();

  @ParameterizedTest
  @CsvSource({
    // width, experts; options
    "384, 4, 'chunk = 8'",
    "2048, 8, 'chunk = 16, bias-rate = 0.1'",
    "40, 1, 'chunk = 1, top-k = 1'",
    "33, 9, 'chunk = 5, summary = first-token, score = sigmoid'",
    "100, 6, 'chunk = 8, summary = running-mean, normalize = false'",
    "72, 128, 'chunk = 4, top-k = 40'"
  })
  void routesAsTheTwinDoes(int width, int experts, String options) {
    Tensor x = Samples.rounded(random.values(BEFORE.length, LONGEST + STEPS, width));
    Tensor weight =
        Samples.rounded(Tensors.mul(random.values(experts, width), 3 / Math.sqrt(width)));
    Device cuda = new Device("cuda:0");
    Map<String, Tensor> exact;
    try (StandaloneComponent router =
        router(new Device("cpu"), ScalarType.Double, weight, options)) {
      exact = decoded(router, x, KernelMode.PLAIN, 0, BEFORE.length);
    }
    for (ScalarType type : new ScalarType[] {ScalarType.Float, ScalarType.BFloat16}) {
      try (StandaloneComponent router = router(cuda, type, weight, options)) {
        Tensor own = x.to(cuda, type);
        Map<String, Tensor> fused = decoded(router, own, KernelMode.FUSED, 0, BEFORE.length);
        Results.assertNear(type + " against float64", exact, fused, 4e-5);
        Results.assertNear(
            type + " against the twin",
            decoded(router, own, KernelMode.PLAIN, 0, BEFORE.length),
            fused,
            4e-5);
        // A text by itself is routed exactly as among others.
        Map<String, Tensor> alone = decoded(router, own, KernelMode.FUSED, 1, 1);
        alone.forEach(
            (what, value) ->
                assertThat(value.equal(fused.get(what).narrow(0, 1, 1))).as(what).isTrue());
      }
    }
  }

  private static StandaloneComponent router(
      Device device, ScalarType type, Tensor weight, String options) {
    StandaloneComponent router =
        new StandaloneComponent(
            Components.of(new ChunkTopKRouterFactory()),
            Role.ROUTER,
            ConfigFactory.parseString("type = chunk-topk, " + options),
            (int) weight.size(1),
            (int) weight.size(0),
            new Placement(device, type),
            1);
    router.parameters().load("component.weight", weight);
    return router;
  }

  /** The dense routing of all steps and what is kept after them, a row for each text. */
  private static Map<String, Tensor> decoded(
      StandaloneComponent router, Tensor x, KernelMode mode, int first, int texts) {
    Tensor[] steps = new Tensor[STEPS];
    Map<String, Tensor> found = new TreeMap<>();
    try (Grad off = Grad.off();
        BatchState batch = router.batch()) {
      for (int row = first; row < first + texts; row++) {
        batch.add(read(router, x.narrow(0, row, 1).narrow(1, 0, BEFORE[row])));
      }
      try (KernelMode.Setting kernels = mode.set()) {
        for (int step = 0; step < STEPS; step++) {
          try (ForwardContext forward = ForwardContext.evaluation().with(batch)) {
            Tensor token = x.narrow(0, first, texts).narrow(1, LONGEST + step, 1);
            steps[step] = router.forward(token, forward);
          }
        }
      }
      for (ModelState state : batch.removeAll()) {
        router
            .kept(state)
            .forEach(
                (name, tensor) -> {
                  Tensor before = found.get(name);
                  found.put(name, before == null ? tensor.clone() : Tensors.cat(0, before, tensor));
                });
        state.close();
      }
    }
    found.put("routing", Tensors.cat(1, steps));
    return Results.copied(found);
  }

  private static ModelState read(StandaloneComponent router, Tensor tokens) {
    ModelState state = new ModelState();
    try (KernelMode.Setting same = KernelMode.PLAIN.set();
        ForwardContext forward = ForwardContext.evaluation().with(state)) {
      router.forward(tokens, forward);
    }
    return state;
  }
}
