package dev.hydra.mixer.mamba;

import static org.junit.jupiter.api.Assertions.assertTrue;

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
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Single tokens by the kernels that change state in place, against the plain path. */
@ExtendWith(InScope.class)
@Tag("cuda")
@EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
class DecodingCudaTest {
  private static final int WIDTH = 64;
  private static final int STEPS = 9;
  private static final long[] BEFORE = {1, 2, 7};

  @ParameterizedTest
  @CsvSource({
    "Float, Float, 'state = 32, head-dim = 16', 1e-4",
    "Float, Float, 'state = 64, head-dim = 24, inner = 144, groups = 2', 1e-4",
    "BFloat16, Float, 'state = 128, head-dim = 64, dt-limit-low = 0.01, dt-limit-high = 0.1', 3e-2",
    "BFloat16, Float, 'state = 64, head-dim = 64, conv-kernel = 3, initial-state = learned', 3e-2",
    // A state that is rounded to the other side once is off by a unit: 2^-8 or 2^-11 of it.
    "Float, BFloat16, 'state = 32, head-dim = 16', 4e-3",
    "Float, BFloat16, 'state = 64, head-dim = 24, inner = 144, groups = 2', 4e-3",
    "Float, Half, 'state = 96, head-dim = 24, inner = 144, groups = 2', 5e-4",
    "Float, Half, 'state = 256, head-dim = 16', 5e-4",
    "BFloat16, BFloat16, 'state = 128, head-dim = 64', 3e-2",
    "BFloat16, Half, 'state = 128, head-dim = 64, initial-state = learned', 3e-2",
  })
  void kernelsAgreeWithThePlainPath(
      ScalarType type, ScalarType recurrent, String options, double bound) {
    try (StandaloneComponent component =
        new StandaloneComponent(
            Components.of(new Mamba2Factory()),
            Role.MIXER,
            ConfigFactory.parseString("type = mamba2, " + options),
            WIDTH,
            WIDTH,
            new Placement(new Device("cuda:0"), type, recurrent),
            3)) {
      Tensor x = torch.randn(BEFORE.length, STEPS + 8, WIDTH).to(new Device("cuda:0"), type);
      List<Tensor> plain = decoded(component, x, KernelMode.PLAIN);
      List<Tensor> fused = decoded(component, x, KernelMode.FUSED);
      for (int i = 0; i < STEPS; i++) {
        Tensor expected = Tensors.upcast(plain.get(i));
        Tensor off = Tensors.upcast(fused.get(i)).sub(expected).norm().div(expected.norm());
        double error = Tensors.number(off);
        assertTrue(error < bound, "step " + i + " is off by " + error);
      }
    }
  }

  private static List<Tensor> decoded(StandaloneComponent component, Tensor x, KernelMode mode) {
    List<Tensor> steps = new ArrayList<>();
    try (Grad off = Grad.off();
        BatchState batch = component.batch()) {
      for (int row = 0; row < BEFORE.length; row++) {
        ModelState state = new ModelState();
        try (KernelMode.Setting same = KernelMode.PLAIN.set();
            ForwardContext forward = ForwardContext.evaluation().with(state)) {
          component.forward(x.narrow(0, row, 1).narrow(1, 0, BEFORE[row]), forward);
        }
        batch.add(state);
      }
      try (KernelMode.Setting kernels = mode.set()) {
        for (int step = 0; step < STEPS; step++) {
          try (ForwardContext forward = ForwardContext.evaluation().with(batch)) {
            steps.add(component.forward(x.narrow(1, 8 + step, 1).contiguous(), forward));
          }
        }
      }
    }
    return steps;
  }
}
