package dev.hydra.libtorch.nn;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.autograd.Backward;
import dev.hydra.libtorch.autograd.CustomFunction;
import dev.hydra.libtorch.autograd.Functions;
import dev.hydra.libtorch.kernels.KernelMode;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import dev.hydra.testing.RandomInput;
import dev.hydra.testing.Samples;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Operators of CUDA kernels that write the gradients of parts where they belong. */
@ExtendWith(InScope.class)
@Tag("cuda")
@EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
class FusedSplitTest {
  private static final int TIME = 37;

  private final RandomInput random = new RandomInput();

  /** Passes gradients on, and notes where they were. */
  private static CustomFunction noting(List<Long> addresses) {
    return Functions.unary(
        UnaryOperator.identity(),
        gradients -> {
          addresses.add(Tensors.address(gradients.of(0)));
          gradients.give(0, gradients.of(0));
        });
  }

  private record Run(Tensor gradient, List<Long> ofParts, long ofWhole) {}

  /**
   * Five parts: convolved, normed, gated with a norm, gated. The last one is read by LibTorch's own
   * operators.
   */
  private static Run run(Tensor values, ScalarType type, boolean shared, int... sizes) {
    Device cuda = new Device("cuda");
    Tensor leaf = Samples.leaf(values, cuda, type);
    List<Long> ofWhole = new ArrayList<>();
    List<Long> ofParts = new ArrayList<>();
    Tensor whole = noting(ofWhole).apply(leaf)[0];
    long[] longs = Arrays.stream(sizes).asLongStream().toArray();
    Tensor[] parts = new Tensor[sizes.length];
    if (shared) {
      parts = Split.of(whole, longs);
    } else {
      TensorVector found = whole.split_with_sizes(longs, -1);
      for (int i = 0; i < parts.length; i++) {
        parts[i] = found.get(i);
      }
    }
    for (int i = 0; i < parts.length; i++) {
      parts[i] = noting(ofParts).apply(parts[i])[0];
    }
    Tensor loss = torch.zeros(1).to(cuda, ScalarType.Float);
    try (KernelMode.Setting kernels = KernelMode.FUSED.set()) {
      for (Tensor result : results(parts, type)) {
        loss = loss.add(result.to(ScalarType.Float).sin().sum());
      }
      Backward.run(loss.sum());
    }
    return new Run(leaf.grad(), ofParts, ofWhole.get(0));
  }

  private static Tensor[] results(Tensor[] parts, ScalarType type) {
    Tensor weight = torch.ones(parts[0].size(2), 1, 4).to(parts[0].device(), type);
    ConvInput conv =
        new ConvInput(parts[0], weight, Optional.empty(), Optional.empty(), Optional.empty());
    GatedNormInput gated = new GatedNormInput(norm(parts[4].sin(), type), parts[2], false);
    return new Tensor[] {
      FusedConv.of(conv).orElseThrow().compute(conv, Optional.empty()),
      FusedNorm.of(norm(parts[1], type)).orElseThrow().compute(norm(parts[1], type))[0],
      FusedGatedNorm.of(gated)
          .orElseThrow()
          .apply(gated.norm().x(), gated.z(), gated.norm().weight().orElseThrow())[0],
      GatedActivation.SILU.apply(parts[3], parts[4].cos()).tensor()
    };
  }

  private static NormInput norm(Tensor x, ScalarType type) {
    Tensor weight = torch.ones(x.size(2)).to(x.device(), type);
    return new NormInput(x, Optional.empty(), Optional.of(weight), x.size(2), 1, 1e-5, type);
  }

  @ParameterizedTest
  @CsvSource({
    // sizes of parts, and what is left behind them
    "40, 24, 32, 32, 32, 0",
    "64, 128, 512, 512, 512, 8",
    "5, 3, 12, 12, 12, 3"
  })
  void writesTheSameBitsInPlace(int conv, int norm, int z, int gate, int last, int rest) {
    int[] sizes = {conv, norm, z, gate, last};
    int width = conv + norm + z + gate + last;
    Tensor values = random.values(2, TIME, width + rest);
    for (ScalarType type : new ScalarType[] {ScalarType.BFloat16, ScalarType.Float}) {
      int bytes = type == ScalarType.Float ? Float.BYTES : Short.BYTES;
      Run shared = run(values, type, true, sizes);
      int[] all = rest == 0 ? sizes : new int[] {conv, norm, z, gate, last, rest};
      Run apart = run(values, type, false, all);
      assertTrue(shared.gradient.equal(apart.gradient), type + " changed");
      List<Long> places = new ArrayList<>();
      long begin = shared.ofWhole;
      for (int i = 0; i < 4; i++) {
        places.add(begin);
        begin += (long) sizes[i] * bytes;
      }
      assertTrue(shared.ofParts.containsAll(places), type + " was not written in place");
    }
  }
}
