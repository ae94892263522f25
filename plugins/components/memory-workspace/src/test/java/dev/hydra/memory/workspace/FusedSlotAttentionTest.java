package dev.hydra.memory.workspace;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.autograd.Backward;
import dev.hydra.libtorch.autograd.CustomFunction;
import dev.hydra.libtorch.kernels.KernelMode;
import dev.hydra.libtorch.nn.GradientSum;
import dev.hydra.testing.InScope;
import dev.hydra.testing.RandomInput;
import dev.hydra.testing.Results;
import dev.hydra.testing.Samples;
import java.util.Map;
import java.util.Optional;
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

/** The CUDA kernels for reading against attention in float64. */
@ExtendWith(InScope.class)
@Tag("cuda")
@EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
class FusedSlotAttentionTest {
  private static final Device CUDA = new Device("cuda");

  private final RandomInput random = new RandomInput();

  @ParameterizedTest
  @CsvSource({
    // rows, tokens, chunk, slots, heads, head
    "128, 64, 64, 64, 8, 64",
    "300, 32, 32, 64, 4, 32",
    "3, 77, 96, 48, 3, 16",
    "2, 128, 128, 128, 2, 128",
    "1, 1, 32, 16, 1, 16"
  })
  void agreesWithFloat64(int rows, int tokens, int chunk, int slots, int heads, int head) {
    long dim = (long) heads * head;
    Map<String, Tensor> given = new TreeMap<>();
    given.put("queries", random.values(rows, tokens, dim));
    given.put("keys", random.values(rows, slots, dim));
    given.put("address", random.values(slots, dim));
    given.put("values", random.values(rows, slots, dim));
    given.put("direction", random.values(rows, tokens, dim));
    given.replaceAll((what, each) -> each.to(ScalarType.BFloat16).to(ScalarType.Double));
    Map<String, Tensor> exact = run(given, new Device("cpu"), ScalarType.Double, heads, chunk);
    Map<String, Tensor> fused = run(given, CUDA, ScalarType.BFloat16, heads, chunk);
    exact.forEach((what, value) -> Samples.assertNear(what, value, fused.get(what), 1e-2));
    Results.assertSame(fused, run(given, CUDA, ScalarType.BFloat16, heads, chunk));
  }

  private static Map<String, Tensor> run(
      Map<String, Tensor> given, Device device, ScalarType type, int heads, int chunk) {
    try (KernelMode.Setting kernels = KernelMode.FUSED.set()) {
      Map<String, Tensor> found = new TreeMap<>();
      for (String what : new String[] {"queries", "keys", "address", "values"}) {
        found.put(what, Samples.leaf(given.get(what), device, type));
      }
      Tensor queries = found.get("queries");
      Tensor keys = found.get("keys");
      Tensor address = found.get("address");
      Tensor values = found.get("values");
      Tensor read =
          type == ScalarType.Double
              ? SlotAttention.plain(
                      byHead(queries, heads),
                      byHead(keys.add(address), heads),
                      byHead(values, heads))
                  .transpose(1, 2)
                  .flatten(2, 3)
              : FusedSlotAttention.compute(queries, keys, address, values, heads, chunk)
                  .orElseThrow();
      Backward.run(read.mul(given.get("direction").to(device, type)).sum());
      found.replaceAll((what, leaf) -> leaf.grad());
      found.put("read", read);
      return Results.copied(found);
    }
  }

  private static Tensor byHead(Tensor x, int heads) {
    return x.unflatten(2, heads, -1).transpose(1, 2);
  }

  @Test
  void gradientsOfSharedValuesAreAddedUp() {
    Map<String, Tensor> given = new TreeMap<>();
    for (String what : new String[] {"queries", "others", "values", "direction"}) {
      given.put(what, random.values(3, 32, 32).to(CUDA, ScalarType.BFloat16));
    }
    try (KernelMode.Setting kernels = KernelMode.FUSED.set()) {
      Tensor apart = Samples.leaf(given.get("values"), CUDA, ScalarType.BFloat16);
      readTwice(given, apart);
      Tensor shared = Samples.leaf(given.get("values"), CUDA, ScalarType.BFloat16);
      readTwice(given, GradientSum.of(shared));
      assertTrue(shared.grad().equal(apart.grad()));
    }
  }

  private static void readTwice(Map<String, Tensor> given, Tensor values) {
    Tensor keys = given.get("values");
    Tensor address = keys.select(0, 0);
    Tensor one = given.get("queries");
    Tensor other = given.get("others");
    Tensor read =
        FusedSlotAttention.compute(one, keys, address, values, 2, 32)
            .orElseThrow()
            .add(FusedSlotAttention.compute(other, keys, address, values, 2, 32).orElseThrow());
    Backward.run(read.mul(given.get("direction")).sum());
  }

  @Test
  void whatItCannotComputeIsLeftToThePlainPath() {
    Tensor queries = torch.ones(2, 32, 32).to(CUDA, ScalarType.BFloat16);
    Tensor slots = torch.ones(2, 16, 32).to(CUDA, ScalarType.BFloat16);
    try (KernelMode.Setting kernels = KernelMode.FUSED.set()) {
      assertTrue(compute(queries, slots, 2, 32).isPresent());
      assertTrue(compute(queries, slots, 4, 32).isEmpty());
      assertTrue(compute(queries, slots, 2, 16).isEmpty());
      assertTrue(compute(queries, slots.narrow(1, 0, 8), 2, 32).isEmpty());
      assertTrue(compute(queries.to(ScalarType.Float), slots, 2, 32).isEmpty());
      CustomFunction.inlined(() -> assertTrue(compute(queries, slots, 2, 32).isEmpty()));
    }
    try (KernelMode.Setting plain = KernelMode.PLAIN.set()) {
      assertTrue(compute(queries, slots, 2, 32).isEmpty());
    }
  }

  private static Optional<Tensor> compute(Tensor queries, Tensor slots, int heads, int chunk) {
    return FusedSlotAttention.compute(queries, slots, slots.select(0, 0), slots, heads, chunk);
  }
}
