package dev.hydra.ffn.moe;

import static org.assertj.core.api.Assertions.assertThat;

import dev.hydra.api.Routing;
import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.kernels.KernelMode;
import dev.hydra.libtorch.nn.ExpertDispatch;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import dev.hydra.testing.RandomInput;
import dev.hydra.testing.Samples;
import java.util.Optional;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A few tokens through their experts by kernels, in float64 and by the twin. */
@ExtendWith(InScope.class)
@Tag("cuda")
@EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
class FewTokensTest {
  private final RandomInput random = new RandomInput();

  @ParameterizedTest
  @CsvSource({
    // tokens, choices, experts, width, hidden, something added
    "1, 2, 8, 2048, 1024, false",
    "4, 2, 8, 384, 512, true",
    "1, 1, 1, 8, 8, false",
    "2, 3, 5, 1096, 40, true",
    "8, 1, 3, 264, 1352, true"
  })
  void agreesWithFloat64AndTheTwin(
      int tokens, int choices, int experts, int width, int hidden, boolean added) {
    Tensor x = Samples.rounded(random.values(tokens, width));
    Tensor gateUp = Samples.rounded(scaled(random.values(experts, 2L * hidden, width), width));
    Tensor down = Samples.rounded(scaled(random.values(experts, width, hidden), hidden));
    Tensor other = Samples.rounded(random.values(tokens, width));
    Tensor chosen = random.values(tokens, experts).topk(choices).get1().unsqueeze(1);
    Tensor weights = random.values(tokens, 1, choices).abs();
    Optional<Tensor> more = added ? Optional.of(other) : Optional.empty();
    Device cuda = new Device("cuda:0");
    try (Grad off = Grad.off();
        KernelMode.Setting kernels = KernelMode.FUSED.set()) {
      Experts own = new Experts(on(cuda, gateUp), on(cuda, down));
      Tensor rows = on(cuda, x);
      Routing routing =
          new Routing(chosen.to(cuda, ScalarType.Long), weights.to(cuda, ScalarType.Float));
      Optional<Tensor> rest = more.map(each -> on(cuda, each));
      Tensor few = own.few(rows, routing, rest).orElseThrow();
      Samples.assertNear(
          "float64",
          dispatched(new Experts(gateUp, down), x, chosen, weights, more),
          cpu(few),
          6e-3);
      Samples.assertNear(
          "the twin",
          cpu(dispatched(own, rows, routing.experts(), routing.weights(), rest)),
          cpu(few),
          2e-2);
      for (int token = 0; token < tokens; token++) {
        int row = token;
        Routing alone =
            new Routing(routing.experts().narrow(0, row, 1), routing.weights().narrow(0, row, 1));
        Tensor again =
            own.few(rows.narrow(0, row, 1), alone, rest.map(each -> each.narrow(0, row, 1)))
                .orElseThrow();
        assertThat(again.equal(few.narrow(0, row, 1))).as("token " + row + " alone").isTrue();
      }
    }
  }

  private static Tensor dispatched(
      Experts experts, Tensor x, Tensor chosen, Tensor weights, Optional<Tensor> other) {
    ExpertDispatch dispatch = ExpertDispatch.of(new Routing(chosen, weights), experts.count());
    return dispatch.combine(experts.forward(x, dispatch), weights, other);
  }

  private static Tensor scaled(Tensor values, long inputs) {
    return Tensors.mul(values, 1 / Math.sqrt(inputs));
  }

  private static Tensor on(Device device, Tensor values) {
    return values.to(device, ScalarType.BFloat16);
  }

  private static Tensor cpu(Tensor found) {
    return found.to(new Device("cpu"), ScalarType.Double);
  }
}
