package dev.hydra.mixer.attention;

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

/** Single tokens by the kernels that read keys in their slots, against the plain path. */
@ExtendWith(InScope.class)
@Tag("cuda")
@EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
class DecodingCudaTest {
  private static final int WIDTH = 64;
  private static final int STEPS = 300;
  private static final int LONGEST = 40;
  private static final long[] BEFORE = {1, 5, LONGEST};

  @ParameterizedTest
  @CsvSource({
    "Float, full, 'heads = 2', 1e-4",
    "Float, full, 'heads = 4, kv-heads = 2, head-dim = 32, soft-cap = 5', 1e-4",
    "Float, sparse-global, 'heads = 2, window = 8, global-every = 4, globals = 3', 1e-4",
    "Float, sparse-global, 'heads = 2, window = 4, global-every = 3, globals = 0', 1e-4",
    "BFloat16, sliding-window, 'heads = 2, kv-heads = 1, head-dim = 64, window = 8', 3e-2",
    "BFloat16, full, 'heads = 8, kv-heads = 1, head-dim = 64', 3e-2",
  })
  void kernelsAgreeWithThePlainPath(ScalarType type, String name, String options, double bound) {
    try (StandaloneComponent component =
        new StandaloneComponent(
            Components.of(new FullFactory(), new SlidingWindowFactory(), new SparseGlobalFactory()),
            Role.MIXER,
            ConfigFactory.parseString("type = " + name + ", " + options),
            WIDTH,
            WIDTH,
            new Placement(new Device("cuda:0"), type),
            3)) {
      Tensor x = torch.randn(BEFORE.length, STEPS + LONGEST, WIDTH).to(new Device("cuda:0"), type);
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
            steps.add(component.forward(x.narrow(1, LONGEST + step, 1).contiguous(), forward));
          }
        }
      }
    }
    return steps;
  }
}
