package dev.hydra.memory.workspace;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.autograd.Backward;
import dev.hydra.libtorch.autograd.CustomFunction;
import dev.hydra.libtorch.kernels.KernelMode;
import dev.hydra.testing.InScope;
import dev.hydra.testing.RandomInput;
import dev.hydra.testing.Results;
import dev.hydra.testing.Samples;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The CUDA kernels against the plain path on the same device, and against float64. */
@ExtendWith(InScope.class)
@Tag("cuda")
@EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
class FusedSlotStatesTest {
  private final RandomInput random = new RandomInput();

  @ParameterizedTest
  @CsvSource({
    // batch, chunks, slots, dim; packed
    "2, 255, 64, 128, false",
    "1, 1, 3, 32, false",
    "3, 8, 5, 96, true",
    "2, 37, 7, 512, true"
  })
  void agreesWithFloat64AndThePlainPath(int batch, int chunks, int slots, int dim, boolean packed) {
    Map<String, Tensor> given = new TreeMap<>();
    given.put("content", random.values(batch, chunks, slots, dim));
    given.put("gate", random.values(batch, chunks, slots).sigmoid());
    given.put("before", random.values(batch, slots, dim));
    given.put("direction", random.values(batch, chunks + 1L, slots, dim));
    given.replaceAll((what, value) -> value.to(ScalarType.Float).to(ScalarType.Double));
    try (Scalar often = new Scalar(1.3)) {
      Optional<Tensor> first =
          packed ? Optional.of(random.values(batch, chunks).gt(often)) : Optional.empty();
      Map<String, Tensor> fused = run(KernelMode.FUSED, "cuda", ScalarType.Float, given, first);
      Results.assertNear(
          "against float64",
          run(KernelMode.PLAIN, "cpu", ScalarType.Double, given, first),
          fused,
          2e-5);
      Results.assertNear(
          "against the plain path",
          run(KernelMode.PLAIN, "cuda", ScalarType.Float, given, first),
          fused,
          2e-5);
      Results.assertSame(fused, run(KernelMode.FUSED, "cuda", ScalarType.Float, given, first));
    }
  }

  private static Map<String, Tensor> run(
      KernelMode mode,
      String device,
      ScalarType type,
      Map<String, Tensor> given,
      Optional<Tensor> first) {
    Device on = new Device(device);
    try (KernelMode.Setting kernels = mode.set()) {
      Map<String, Tensor> found = new TreeMap<>();
      for (String what : new String[] {"content", "gate", "before"}) {
        found.put(what, Samples.leaf(given.get(what), on, type));
      }
      SlotWriter.Writes writes = new SlotWriter.Writes(found.get("gate"), found.get("content"));
      assertEquals(
          mode == KernelMode.FUSED, FusedSlotStates.of(writes, found.get("before")).isPresent());
      Tensor states =
          SlotStates.of(
              writes, found.get("before"), first.map(each -> each.to(on, ScalarType.Bool)));
      Backward.run(states.mul(given.get("direction").to(on, type)).sum());
      found.replaceAll((what, leaf) -> leaf.grad());
      found.put("states", states);
      return Results.copied(found);
    }
  }

  @Test
  void whatItCannotComputeIsLeftToThePlainPath() {
    Tensor content = torch.ones(1, 2, 3, 48).to(new Device("cuda"), ScalarType.Float);
    Tensor gate = content.select(3, 0).contiguous();
    Tensor before = content.select(1, 0).contiguous();
    try (KernelMode.Setting kernels = KernelMode.FUSED.set()) {
      assertTrue(FusedSlotStates.of(new SlotWriter.Writes(gate, content), before).isEmpty());
      Tensor fitting = content.narrow(3, 0, 32);
      SlotWriter.Writes writes = new SlotWriter.Writes(gate, fitting);
      Tensor start = before.narrow(2, 0, 32);
      assertTrue(FusedSlotStates.of(writes, start).isPresent());
      CustomFunction.inlined(() -> assertTrue(FusedSlotStates.of(writes, start).isEmpty()));
    }
  }
}
