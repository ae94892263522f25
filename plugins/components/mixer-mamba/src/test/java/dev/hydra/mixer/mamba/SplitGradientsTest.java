package dev.hydra.mixer.mamba;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.autograd.Backward;
import dev.hydra.libtorch.autograd.CustomFunction;
import dev.hydra.libtorch.kernels.KernelMode;
import dev.hydra.libtorch.nn.Split;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import dev.hydra.testing.RandomInput;
import dev.hydra.testing.Samples;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The gradients of x, B, C and dt, written into that of what they are parts of. */
@ExtendWith(InScope.class)
@Tag("cuda")
@EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
class SplitGradientsTest {
  private final RandomInput random = new RandomInput();

  /** Passes gradients on, and notes where they are. */
  private static final class Noting extends CustomFunction {
    private final List<Long> addresses = new ArrayList<>();

    @Override
    protected Tensor[] forward(Context context, Tensor... inputs) {
      return new Tensor[] {inputs[0]};
    }

    @Override
    protected void backward(Context context, Gradients gradients) {
      addresses.add(Tensors.address(gradients.of(0)));
      gradients.give(0, gradients.of(0));
    }
  }

  @ParameterizedTest
  @CsvSource({
    // batch, time, heads, groups, headDim, state
    "2, 300, 8, 1, 64, 128",
    "1, 129, 5, 1, 64, 128",
    "2, 257, 6, 2, 48, 80"
  })
  void areTheSameBits(long batch, long time, long heads, long groups, long headDim, long state) {
    long projections = groups * state;
    long[] sizes = {heads * headDim, projections, projections, heads};
    long width = heads * headDim + 2 * projections + heads;
    Tensor values = random.values(batch, time, width + Math.floorMod(-width, 8));
    Tensor perHead = random.values(heads).to(new Device("cuda"), ScalarType.Float);
    for (ScalarType type : new ScalarType[] {ScalarType.BFloat16, ScalarType.Float}) {
      Tensor apart = Samples.leaf(values, new Device("cuda"), type);
      Tensor[] parts = new Tensor[sizes.length];
      long begin = 0;
      for (int i = 0; i < parts.length; i++) {
        parts[i] = apart.narrow(2, begin, sizes[i]);
        begin += sizes[i];
      }
      backward(parts, perHead, heads, groups);

      Tensor shared = Samples.leaf(values, new Device("cuda"), type);
      Noting whole = new Noting();
      Noting first = new Noting();
      Noting last = new Noting();
      Tensor[] places = Split.of(whole.apply(shared)[0], sizes);
      places[0] = first.apply(places[0])[0];
      places[3] = last.apply(places[3])[0];
      backward(places, perHead, heads, groups);
      assertTrue(apart.grad().equal(shared.grad()), type + " changed");
      assertEquals(whole.addresses, first.addresses, "x is not in place");
      long bytes = (width - heads) * values.to(type).element_size();
      assertEquals(List.of(whole.addresses.get(0) + bytes), last.addresses, "dt is not in place");
    }
  }

  private static void backward(Tensor[] parts, Tensor perHead, long heads, long groups) {
    SsdInput in =
        new SsdInput(
            parts[0].unflatten(-1, heads, -1),
            parts[3],
            perHead,
            parts[1].unflatten(-1, groups, -1),
            parts[2].unflatten(-1, groups, -1),
            perHead,
            perHead,
            new SsdInput.Limits(0, Optional.empty()),
            Optional.empty(),
            Optional.empty());
    try (KernelMode.Setting kernels = KernelMode.FUSED.set()) {
      Ssd.Output out = FusedSsd.of(in).orElseThrow().compute(in);
      Backward.run(out.y().to(ScalarType.Float).sin().sum());
    }
  }
}
