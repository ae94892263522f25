package dev.hydra.libtorch.nn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.hydra.libtorch.kernels.KernelMode;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.testing.InScope;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(InScope.class)
class FusedTrialsTest {
  /** Of zeros, or of one number throughout, a kernel that computes something else may pass. */
  @Test
  void everyTwinComputesSomethingOfAllItIsGiven() {
    FusedTrials.all()
        .forEach(
            trial -> {
              Tensor[] inputs = trial.inputs(Devices.cpu());
              List<Tensor> results = trial.results(KernelMode.PLAIN, inputs);
              assertThat(results).as(trial.operator()).hasSizeGreaterThan(trial.backward() ? 1 : 0);
              assertThat(FusedTrial.error(results, trial.results(KernelMode.PLAIN, inputs)))
                  .as(trial.operator())
                  .isZero();
              Tensor[] others = trial.inputs(Devices.cpu());
              assertThat(FusedTrial.error(trial.results(KernelMode.PLAIN, others), results))
                  .as(trial.operator() + " of other numbers")
                  .isGreaterThan(0.05);
            });
  }

  /** On a CPU it is the twin that runs: that both agree says nothing about kernels. */
  @Test
  void aTrialInWhichNoKernelRunsFails() {
    FusedTrials.all()
        .forEach(
            trial ->
                assertThatThrownBy(() -> trial.run(Devices.cpu()))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("ran instead of " + String.join(", ", trial.programs())));
  }

  @Test
  @Tag("cuda")
  @EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
  void kernelsAgreeWithTheirTwins() {
    FusedTrials.byOperator()
        .forEach(
            (operator, trial) ->
                assertThat(trial.applyAsDouble(Devices.choose("cuda"))).isLessThan(0.02));
  }
}
