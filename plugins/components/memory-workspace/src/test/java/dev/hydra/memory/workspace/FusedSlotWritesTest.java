package dev.hydra.memory.workspace;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.autograd.Backward;
import dev.hydra.libtorch.autograd.CustomFunction;
import dev.hydra.libtorch.kernels.KernelMode;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import dev.hydra.testing.RandomInput;
import dev.hydra.testing.Results;
import dev.hydra.testing.Samples;
import java.util.Map;
import java.util.TreeMap;
import org.bytedeco.pytorch.Device;
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
class FusedSlotWritesTest {
  private final RandomInput random = new RandomInput();

  @ParameterizedTest
  @CsvSource({
    // batch, chunks, tokens behind them, chunk, slots, heads, head
    "2, 255, 32, 32, 64, 4, 32",
    "1, 7, 1, 64, 64, 8, 64",
    "3, 2, 0, 96, 24, 3, 8",
    "2, 3, 5, 96, 48, 3, 16",
    "5, 130, 5, 32, 16, 2, 16",
    "1, 5, 9, 128, 128, 2, 128"
  })
  @Tag("cuda")
  @EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
  void agreesWithFloat64AndThePlainPath(
      int batch, int chunks, int behind, int chunk, int slots, int heads, int head) {
    SlotShape shape = new SlotShape(chunk, slots, heads, head);
    long time = (long) chunks * chunk + behind;
    Map<String, Tensor> given = new TreeMap<>();
    given.put("keys", random.values(batch, time, (long) heads * slots));
    given.put("values", random.values(batch, time, shape.dim()));
    given.put("weight", Tensors.mul(random.values(slots, shape.dim()), 1 / Math.sqrt(shape.dim())));
    given.put("bias", random.values(slots));
    given.put("direction of content", random.values(batch, chunks, slots, shape.dim()));
    given.put("direction of gates", random.values(batch, chunks, slots));
    given.replaceAll((what, each) -> each.to(ScalarType.BFloat16).to(ScalarType.Double));
    Map<String, Tensor> exact =
        run(KernelMode.PLAIN, "cpu", ScalarType.Double, given, shape, chunks);
    for (ScalarType type : new ScalarType[] {ScalarType.Float, ScalarType.BFloat16}) {
      Map<String, Tensor> plain = run(KernelMode.PLAIN, "cuda", type, given, shape, chunks);
      Map<String, Tensor> fused = run(KernelMode.FUSED, "cuda", type, given, shape, chunks);
      boolean fp32 = type == ScalarType.Float;
      Results.assertNear(type + " against float64", exact, fused, fp32 ? 2e-5 : 6e-3);
      Results.assertNear(type + " against the plain path", plain, fused, fp32 ? 4e-5 : 4e-2);
      Results.assertSame(fused, run(KernelMode.FUSED, "cuda", type, given, shape, chunks));
    }
  }

  private static Map<String, Tensor> run(
      KernelMode mode,
      String device,
      ScalarType type,
      Map<String, Tensor> given,
      SlotShape shape,
      long chunks) {
    Device on = new Device(device);
    ScalarType gates = type == ScalarType.Double ? type : ScalarType.Float;
    try (KernelMode.Setting kernels = mode.set()) {
      Map<String, Tensor> found = new TreeMap<>();
      for (String what : new String[] {"keys", "values", "weight", "bias"}) {
        boolean projected = what.equals("keys") || what.equals("values");
        found.put(what, Samples.leaf(given.get(what), on, projected ? type : gates));
      }
      Tensor keys = found.get("keys");
      Tensor values = found.get("values");
      long written = chunks * shape.chunk();
      SlotWriter.Writes writes =
          mode == KernelMode.FUSED
              ? FusedSlotWrites.of(keys, found.get("weight"), shape)
                  .orElseThrow()
                  .compute(keys, values, found.get("weight"), found.get("bias"), chunks)
              : SlotWriter.plain(
                  Tensors.slice(keys, 1, 0, written),
                  Tensors.slice(values, 1, 0, written),
                  found.get("weight"),
                  found.get("bias"),
                  shape);
      Tensor loss =
          writes
              .content()
              .mul(given.get("direction of content").to(on, gates))
              .sum()
              .add(writes.gate().mul(given.get("direction of gates").to(on, gates)).sum());
      Backward.run(loss);
      found.replaceAll((what, leaf) -> leaf.grad());
      found.put("content", writes.content());
      found.put("gates", writes.gate());
      return Results.copied(found);
    }
  }

  @Test
  @Tag("cuda")
  @EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
  void whatItCannotComputeIsLeftToThePlainPath() {
    SlotShape shape = new SlotShape(32, 8, 2, 8);
    Tensor x = torch.ones(1, 64, 16).to(new Device("cuda"), ScalarType.Float);
    Tensor gate = torch.ones(8, 16).to(new Device("cuda"), ScalarType.Float);
    try (KernelMode.Setting kernels = KernelMode.FUSED.set()) {
      assertTrue(FusedSlotWrites.of(x, gate, shape).isPresent());
      assertTrue(FusedSlotWrites.of(x.to(ScalarType.Double), gate, shape).isEmpty());
      CustomFunction.inlined(() -> assertTrue(FusedSlotWrites.of(x, gate, shape).isEmpty()));
    }
    try (KernelMode.Setting plain = KernelMode.PLAIN.set()) {
      assertTrue(FusedSlotWrites.of(x, gate, shape).isEmpty());
    }
  }

  @Test
  void sizesThatTilesDoNotDivideAreImpossible() {
    assertTrue(FusedSlotWrites.possible(new SlotShape(32, 64, 4, 32)));
    assertTrue(FusedSlotWrites.possible(new SlotShape(128, 128, 1, 128)));
    for (SlotShape shape :
        new SlotShape[] {
          new SlotShape(16, 64, 4, 32),
          new SlotShape(160, 64, 4, 32),
          new SlotShape(32, 20, 4, 32),
          new SlotShape(32, 136, 4, 32),
          new SlotShape(32, 64, 4, 24),
          new SlotShape(32, 64, 4, 4),
          new SlotShape(32, 64, 4, 256)
        }) {
      assertEquals(false, FusedSlotWrites.possible(shape), shape.toString());
    }
  }
}
