package dev.hydra.composer.model;

import static dev.hydra.testing.Samples.assertNear;
import static org.assertj.core.api.Assertions.assertThat;

import dev.hydra.libtorch.autograd.Backward;
import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.kernels.KernelLaunches;
import dev.hydra.libtorch.kernels.KernelMode;
import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Models with learned gates, whose additions the next norm makes, by kernels and without. */
@ExtendWith(InScope.class)
@Tag("cuda")
@EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
class LearnedGateCudaTest {
  private static final List<String> FORWARD = List.of("token_gate_norm.cu");
  private static final List<String> BOTH =
      List.of("token_gate_norm.cu", "token_gate_norm_backward.cu");
  private static final double NEAR = 1e-4;

  /** Gates of one number before the learned one and after it, two learned ones, and a cost. */
  private static String model(String topology) {
    return """
        model {
          vocab-size = 11, width = 48, depth = 4
          block {
            topology = %s
            paths = [
              { mixer = running-sum, gate = 0.9 }
              { ffn = scales, gate = 0.5, at = "::2" }
              { mixer = running-sum, gate = learned, gate-cost = 0.1, scale = 0.5 }
              { mixer = running-sum, gate = 0.3, at = 1 }
              { ffn = scales, gate = learned, at = 2 }
            ]
          }
        }
        """
        .formatted(topology);
  }

  private static Model build(String topology) {
    Model model = Models.build(model(topology), new Device("cuda"), ScalarType.Float, Models.SEED);
    long seed = Models.SEED;
    for (Parameter parameter : model.parameters().all()) {
      Tensor value = Tensors.mul(Models.normal(++seed, parameter.spec().sizes()), 0.3);
      Scopes.run(() -> model.parameters().load(parameter.name(), value));
    }
    return model;
  }

  private static Tensor tokens() {
    return Models.tokens(3, 0, 10, 3, 7, 1, 9).repeat(3, 1).to(new Device("cuda"), ScalarType.Long);
  }

  @ParameterizedTest
  @ValueSource(strings = {"parallel", "sequential"})
  void lossAndGradientsAreThoseOfThePlainTwin(String topology) {
    try (Model model = build(topology)) {
      Map<String, Tensor> expected;
      try (KernelMode.Setting plain = KernelMode.PLAIN.set()) {
        expected = lossAndGradients(model);
      }
      Map<String, Tensor> found;
      try (KernelMode.Setting fused = KernelMode.FUSED.set()) {
        found = KernelLaunches.demand(BOTH, () -> lossAndGradients(model));
      }
      assertThat(found.keySet()).isEqualTo(expected.keySet());
      assertThat(found.keySet()).anyMatch(name -> name.endsWith("-gate.weight"));
      expected.forEach((name, right) -> assertNear(name, right, found.get(name), NEAR));
    }
  }

  private static Map<String, Tensor> lossAndGradients(Model model) {
    Map<String, Tensor> found = new LinkedHashMap<>();
    try (ForwardContext forward = ForwardContext.training()) {
      Tensor hidden = model.hidden(tokens(), forward);
      Tensor direction =
          Models.normal(1, Tensors.sizes(hidden)).to(hidden.device(), ScalarType.Float);
      Tensor loss = hidden.mul(direction).sum();
      for (Tensor cost : forward.losses().values()) {
        loss = loss.add(cost);
      }
      Backward.run(loss);
      found.put("the loss", loss.detach());
    }
    for (Parameter parameter : model.parameters().all()) {
      Tensor gradient = parameter.master().grad();
      if (gradient.defined()) {
        found.put(parameter.name(), gradient.clone());
        gradient.zero_();
      }
    }
    return found;
  }

  @Test
  void gatesAreStillObserved() {
    try (Model model = build("parallel")) {
      Map<String, Tensor> expected;
      try (KernelMode.Setting plain = KernelMode.PLAIN.set()) {
        expected = observed(model);
      }
      Map<String, Tensor> found;
      try (KernelMode.Setting fused = KernelMode.FUSED.set()) {
        found = KernelLaunches.demand(FORWARD, () -> observed(model));
      }
      assertThat(found.keySet()).isEqualTo(expected.keySet());
      assertThat(found).containsKey("blocks.3.mixer2.gate");
      expected.forEach((name, right) -> assertNear(name, right, found.get(name), NEAR));
    }
  }

  private static Map<String, Tensor> observed(Model model) {
    Map<String, Tensor> found = new LinkedHashMap<>();
    try (ForwardContext forward = ForwardContext.evaluation().observing();
        Grad off = Grad.off()) {
      model.hidden(tokens(), forward);
      forward.observations().forEach((name, value) -> found.put(name, value.clone()));
    }
    return found;
  }
}
