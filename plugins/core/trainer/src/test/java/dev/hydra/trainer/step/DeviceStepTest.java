package dev.hydra.trainer.step;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.Placement;
import dev.hydra.composer.model.Recompute;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.optim.OptimizedParameter;
import dev.hydra.optim.Optimizer;
import dev.hydra.optim.OptimizerSettings;
import dev.hydra.testing.InScope;
import dev.hydra.testing.Samples;
import dev.hydra.trainer.run.Experiment;
import dev.hydra.trainer.run.Trials;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The step of CUDA devices on a CPU, operator by operator: it must do what the host's step does.
 */
@ExtendWith(InScope.class)
class DeviceStepTest {
  private static final int FORWARDS = 2;

  /** A model with all that a step works with. */
  private static final class Run implements AutoCloseable {
    final Model model;
    final StepParts parts;
    final StepPlan plan;

    Run(String overrides, ScalarType compute, boolean device) {
      this(overrides, compute, device, GradientForm.SPARSE_TABLES);
    }

    Run(String overrides, ScalarType compute, boolean device, GradientForm form) {
      Experiment experiment = Trials.experiment(overrides);
      model =
          Model.build(
              experiment.model(), Trials.COMPONENTS, new Placement(Devices.cpu(), compute), 1);
      OptimizerSettings settings = experiment.optimizer();
      Gradients gradients = new Gradients(model.parameters(), form);
      Tensor master = gradients.optimized().get(0).master();
      parts =
          new StepParts(
              model,
              Recompute.NONE,
              gradients,
              settings.clip(
                  gradients.optimized().stream().map(OptimizedParameter::gradient).toList()),
              settings.optimizer(gradients.optimized(), Map.of()),
              Optional.empty(),
              new StepSums(master));
      plan = device ? new DeviceStep(master, false, warning -> {}) : new HostStep();
    }

    StepMetrics step(int number) {
      return plan.launch(
              parts,
              new StepPlan.Inputs(
                  i -> windows(FORWARDS * number + i), FORWARDS, 1e-2, () -> {}, () -> false))
          .orElseThrow()
          .await();
    }

    Map<String, Tensor> contents() {
      return DeviceStepTest.contents(model, parts.optimizer());
    }

    @Override
    public void close() {
      plan.close();
      parts.close();
      model.close();
    }
  }

  static Tensor windows(long seed) {
    return Tensor.create(new Random(seed).longs(2 * 33, 0, 256).toArray(), 2, 33);
  }

  /** All that must go on as it was: parameters, working copies, the optimizer's state. */
  static Map<String, Tensor> contents(Model model, Optimizer optimizer) {
    Map<String, Tensor> all = new LinkedHashMap<>();
    model
        .parameters()
        .all()
        .forEach(
            each -> {
              all.put(each.name(), each.master().detach().clone());
              all.put(each.name() + " working", each.working().detach().clone());
            });
    optimizer.exportState().forEach((name, each) -> all.put(name, each.clone()));
    return all;
  }

  static void assertSame(Map<String, Tensor> expected, Map<String, Tensor> actual) {
    assertEquals(expected.keySet(), actual.keySet());
    expected.forEach((name, tensor) -> assertTrue(tensor.equal(actual.get(name)), name));
  }

  private static void compare(String overrides, ScalarType compute) {
    try (Run host = new Run(overrides, compute, false);
        Run device = new Run(overrides, compute, true)) {
      for (int i = 0; i < 4; i++) {
        assertEquals(host.step(i), device.step(i), "step " + i);
      }
      assertSame(host.contents(), device.contents());
    }
  }

  @Test
  void theDeviceDecidesAsTheHostDoes() {
    compare("", ScalarType.Float);
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void aStepThatIsGivenUpLeavesNothingBehind(boolean device) {
    try (Run whole = new Run("", ScalarType.Float, device);
        Run interrupted = new Run("", ScalarType.Float, device)) {
      for (int i = 0; i < 3; i++) {
        assertTrue(
            interrupted
                .plan
                .launch(
                    interrupted.parts,
                    new StepPlan.Inputs(
                        each -> windows(99 + each), FORWARDS, 1e-2, () -> {}, () -> true))
                .isEmpty());
        assertEquals(whole.step(i), interrupted.step(i), "step " + i);
      }
      assertSame(whole.contents(), interrupted.contents());
    }
  }

  @Test
  void withWorkingCopiesToo() {
    compare("", ScalarType.BFloat16);
  }

  /**
   * What the device adds up of a table, without the host, against rows that the host has counted.
   */
  @ParameterizedTest
  @ValueSource(strings = {"", "optimizer.type = lion", "optimizer.type = muon"})
  void tablesThatAreAddedUpDensely(String overrides) {
    try (Run sparse = new Run(overrides, ScalarType.Double, false);
        Run dense = new Run(overrides, ScalarType.Double, true, GradientForm.DENSE_TABLES)) {
      for (int i = 0; i < 4; i++) {
        assertEquals(sparse.step(i).gradientNorm(), dense.step(i).gradientNorm(), 1e-9);
      }
      assertFalse(dense.parts.gradients().hasSparse());
      Map<String, Tensor> found = dense.contents();
      sparse
          .contents()
          .forEach((name, value) -> Samples.assertNear(name, value, found.get(name), 1e-6));
    }
  }

  @Test
  void anOptimizerThatAsksTheHostIsRight() {
    compare("optimizer.type = momentum", ScalarType.Float);
  }

  @ParameterizedTest
  @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "HANDED_OVER")
  void aStepThatIsNotFiniteLeavesEverythingAsItWas(GradientForm form) {
    try (Run device = new Run("", ScalarType.Float, true, form)) {
      device.step(0);
      Tensor weight = device.model.parameters().byName().get("norm.weight").master().detach();
      Tensor good = weight.clone();
      weight.fill_(new Scalar(Double.NaN));
      Map<String, Tensor> before = device.contents();
      assertFalse(device.step(1).finite());
      before.remove("norm.weight"); // not a number is not equal to itself
      before.remove("norm.weight working");
      Map<String, Tensor> after = device.contents();
      after.keySet().retainAll(before.keySet());
      assertSame(before, after);
      weight.copy_(good);
      assertTrue(device.step(2).finite(), "gradients that were not finite are gone");
    }
  }
}
