package dev.hydra.memory.workspace;

import static org.assertj.core.api.Assertions.assertThat;

import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.kernels.KernelMode;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import dev.hydra.testing.RandomInput;
import dev.hydra.testing.Samples;
import java.util.Optional;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What single tokens read by the kernel, against the equations in float64. */
@ExtendWith(InScope.class)
@Tag("cuda")
@EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
class FusedSlotReadTest {
  private static final Device CUDA = new Device("cuda:0");
  private static final double EPSILON = 1e-6;
  private static final int TEXTS = 5;

  private final RandomInput random = new RandomInput();

  /** Tensors of a type, or float64 to compare with. */
  private record Inputs(
      Tensor queries, Tensor slots, Tensor norm, Tensor key, Tensor address, int heads) {
    Optional<Tensor> fused() {
      return FusedSlotRead.compute(queries, slots, norm, EPSILON, key, address, heads);
    }

    Inputs exact() {
      return new Inputs(
          exact(queries), exact(slots), exact(norm), exact(key), exact(address), heads);
    }

    private static Tensor exact(Tensor tensor) {
      return tensor.to(ScalarType.Double);
    }

    /** Equations (5) and (6) of {@link Workspace}. */
    Tensor read() {
      Tensor squares = Tensors.add(slots.square().mean(new long[] {-1}), EPSILON);
      Tensor normed = slots.mul(squares.rsqrt().unsqueeze(-1)).mul(norm).squeeze(1);
      Tensor keys = byHead(Tensors.linear(normed, key).add(address));
      Tensor read = SlotAttention.plain(byHead(queries), keys, byHead(normed));
      return read.transpose(1, 2).flatten(2, 3);
    }

    private Tensor byHead(Tensor x) {
      return x.unflatten(-1, heads, -1).transpose(1, 2);
    }

    Inputs text(int row) {
      return new Inputs(
          queries.narrow(0, row, 1), slots.narrow(0, row, 1), norm, key, address, heads);
    }
  }

  private Inputs inputs(int slots, int heads, int head, ScalarType type) {
    long dim = (long) heads * head;
    return new Inputs(
        random.values(TEXTS, 1, dim).to(CUDA, type),
        random.values(TEXTS, 1, slots, dim).to(CUDA, ScalarType.Float),
        Tensors.add(Tensors.mul(random.values(dim), 0.3), 1).to(CUDA, ScalarType.Float),
        Tensors.mul(random.values(dim, dim), 1 / Math.sqrt((double) dim)).to(CUDA, type),
        random.values(slots, dim).to(CUDA, type),
        heads);
  }

  @ParameterizedTest
  @CsvSource({
    // slots, heads, head, type, bound
    "64, 8, 64, BFloat16, 4e-3",
    "64, 8, 64, Float, 1e-5",
    "13, 3, 8, Float, 1e-5",
    "128, 4, 128, BFloat16, 4e-3",
    "1, 2, 32, BFloat16, 4e-3",
  })
  void agreesWithFloat64(int slots, int heads, int head, ScalarType type, double bound) {
    Inputs inputs = inputs(slots, heads, head, type);
    try (Grad off = Grad.off();
        KernelMode.Setting kernels = KernelMode.FUSED.set()) {
      Tensor found = inputs.fused().orElseThrow();
      Samples.assertNear("what is read", inputs.exact().read(), found.to(ScalarType.Double), bound);
      for (int row = 0; row < TEXTS; row++) {
        Tensor alone = inputs.text(row).fused().orElseThrow();
        assertThat(alone.equal(found.narrow(0, row, 1))).as("text " + row + " alone").isTrue();
      }
    }
  }

  @Test
  void isForSingleTokensWithoutGradientAndSizesThatItKnows() {
    Inputs fit = inputs(16, 2, 32, ScalarType.Float);
    assertThat(fit.fused()).as("a gradient may be wanted").isEmpty();
    try (Grad off = Grad.off()) {
      assertThat(fit.fused()).isPresent();
      assertThat(inputs(129, 2, 32, ScalarType.Float).fused()).as("129 slots").isEmpty();
      assertThat(inputs(16, 2, 24, ScalarType.Float).fused()).as("heads of 24").isEmpty();
      assertThat(fit.exact().fused()).as("float64").isEmpty();
      try (KernelMode.Setting plain = KernelMode.PLAIN.set()) {
        assertThat(fit.fused()).as("no kernels are wanted").isEmpty();
      }
    }
  }
}
