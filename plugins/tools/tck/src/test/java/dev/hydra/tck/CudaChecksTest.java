package dev.hydra.tck;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import dev.hydra.api.Mixer;
import dev.hydra.api.Pass;
import dev.hydra.libtorch.kernels.KernelMode;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.function.Predicate;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;

/**
 * The checks find faults of kernels: a CPU stands for the device, on which some components fail.
 */
class CudaChecksTest {
  private static final int TIME = 12;

  private static CudaChecks checks(Function<Tensor, Mixer> mixer) {
    Subject subject = Conformance.of(Planted.of(mixer)).width(4).time(TIME).subject();
    return new CudaChecks(subject, Devices.cpu(), KernelMode.FUSED);
  }

  /** Taps whose output is changed where kernels are to be used, and a pass is of some kind. */
  private static CudaChecks broken(
      Predicate<Pass> where, BiFunction<Tensor, Tensor, Tensor> change) {
    return checks(
        weight ->
            (x, pass) -> {
              Tensor y = new Taps(weight).forward(x, pass);
              boolean kernels = KernelMode.current() == KernelMode.FUSED;
              return kernels && where.test(pass) ? change.apply(y, x) : y;
            });
  }

  private static String problem(Runnable check) {
    Throwable thrown = catchThrowable(check::run);
    assertThat(thrown).isInstanceOf(ContractViolation.class);
    return String.valueOf(thrown.getMessage());
  }

  @Test
  void soundComponentsPass() {
    CudaChecks sound = checks(Taps::new);
    sound.training();
    sound.decoding();
  }

  @Test
  void anOutputIsOff() {
    CudaChecks checks = broken(pass -> true, (y, x) -> Tensors.mul(y, 1.002));
    assertThat(problem(checks::training)).contains("the output in float32", "off by 2.00e-03");
    assertThat(problem(checks::decoding)).contains("a token after others in float32");
  }

  @Test
  void anOutputIsOffInBfloat16Only() {
    CudaChecks checks =
        broken(
            pass -> true,
            (y, x) -> Tensors.type(x) == ScalarType.BFloat16 ? Tensors.mul(y, 1.1) : y);
    assertThat(problem(checks::training)).contains("the output in bfloat16");
  }

  @Test
  void aGradientIsOff() {
    CudaChecks checks =
        broken(pass -> true, (y, x) -> y.detach().add(Tensors.mul(y.sub(y.detach()), 1.01)));
    assertThat(problem(checks::training)).contains("the gradient of the input in float32");
    checks.decoding();
  }

  @Test
  void documentsAreNotKeptApart() {
    CudaChecks checks =
        broken(pass -> pass.documents().isPresent(), (y, x) -> y.add(Tensors.mul(x.flip(1), 0.1)));
    assertThat(problem(checks::training)).contains("of packed documents");
    checks.decoding();
  }

  /** Behind the first token and before the last one, which follows the others in one piece. */
  private static boolean isBetween(long position) {
    return position > 0 && position < TIME - 1;
  }

  @Test
  void aStepOfSeveralTextsIsOff() {
    CudaChecks checks =
        broken(
            pass -> pass.cache().map(cache -> isBetween(cache.position())).orElse(false),
            (y, x) -> y.add(Tensors.mul(x, 0.1)));
    checks.training();
    assertThat(problem(checks::decoding)).contains("tokens of several texts in float32");
  }

  @Test
  void whatIsNotANumberIsFound() {
    CudaChecks checks = broken(pass -> true, (y, x) -> Tensors.mul(y, Double.NaN));
    assertThat(problem(checks::training)).contains("the output in float32");
  }

  /** Without float64 there is nothing to compare with, and that is said. */
  @Test
  void aComponentThatRefusesFloat64IsNamed() {
    CudaChecks checks =
        checks(
            weight ->
                (x, pass) -> {
                  if (Tensors.type(x) == ScalarType.Double) {
                    throw new IllegalArgumentException("float64 is not for me");
                  }
                  return new Taps(weight).forward(x, pass);
                });
    assertThatThrownBy(checks::training)
        .isInstanceOf(ContractViolation.class)
        .hasMessageContaining("cannot be computed in Double")
        .hasMessageContaining("float64 is not for me");
  }
}
