package dev.hydra.memory.pkm;

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
import java.util.LinkedHashMap;
import java.util.Map;
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
class FusedProductKeysTest {
  private final RandomInput random = new RandomInput();

  @ParameterizedTest
  @CsvSource({
    // heads, tokens, keys, topK
    "4, 300, 128, 4",
    "2, 77, 512, 32",
    "1, 5, 9, 9",
    "3, 33, 40, 7",
    "2, 50, 64, 15",
    "2, 50, 64, 16",
    "1, 9, 1000, 32",
    "2, 3, 1, 1"
  })
  void searchAgreesWithFloat64AndThePlainPath(int heads, int tokens, int keys, int topK) {
    Tensor scores = exactScores(heads, tokens, keys);
    Tensor direction = random.values(heads, tokens, topK);
    Map<String, Tensor> exact =
        search(KernelMode.PLAIN, scores, direction, "cpu", ScalarType.Double, topK);
    Map<String, Tensor> plain =
        search(KernelMode.PLAIN, scores, direction, "cuda", ScalarType.Float, topK);
    Map<String, Tensor> fused =
        search(KernelMode.FUSED, scores, direction, "cuda", ScalarType.Float, topK);
    Results.assertNear("against float64", exact, fused, 1e-5);
    Results.assertNear("against the plain path", plain, fused, 1e-5);
  }

  /**
   * Ranks, those of the first half 101 apart and of the second 103, all times 2^-9: float32 holds
   * every sum, and those that count are different, so that all types choose the same rows.
   */
  private Tensor exactScores(int heads, int tokens, int keys) {
    Tensor ranks = random.values(heads, 2, tokens, keys).argsort(-1, false);
    Tensor steps = Tensor.create(new double[] {101.0 / 512, 103.0 / 512}).view(1, 2, 1, 1);
    return ranks.mul(steps).flatten(0, 1);
  }

  private static Map<String, Tensor> search(
      KernelMode mode, Tensor scores, Tensor direction, String device, ScalarType type, int topK) {
    try (KernelMode.Setting kernels = mode.set()) {
      Tensor leaf = Samples.leaf(scores, new Device(device), type);
      assertEquals(mode == KernelMode.FUSED, FusedSearch.of(leaf, topK).isPresent());
      ProductKeys.Hits hits = ProductKeys.search(leaf, topK);
      Backward.run(hits.weights().mul(direction.to(new Device(device), type)).sum());
      return Results.copied(
          Map.of(
              "rows", hits.rows(), "weights", hits.weights(), "gradient of scores", leaf.grad()));
    }
  }

  /** Queries are unlike the others, so that few scores are as good as equal. */
  @ParameterizedTest
  @CsvSource({
    // heads, tokens, keys, channels of half a key, topK
    "4, 300, 512, 128, 32",
    "2, 77, 256, 32, 4",
    "3, 33, 300, 48, 7",
    "1, 5, 1000, 16, 31",
    "2, 3, 256, 16, 15"
  })
  void searchFromQueriesAgreesWithFloat64(int heads, int tokens, int keys, int half, int topK) {
    Tensor queries = Samples.rounded(random.values(tokens, heads, 2L * half), ScalarType.Float);
    Tensor subKeys = Samples.rounded(random.values(heads, 2, keys, half), ScalarType.Float);
    Tensor direction = random.values(heads, tokens, topK);
    Map<String, Tensor> exact =
        find(KernelMode.PLAIN, queries, subKeys, direction, "cpu", ScalarType.Double, topK);
    Map<String, Tensor> fused =
        find(KernelMode.FUSED, queries, subKeys, direction, "cuda", ScalarType.Float, topK);
    double others = Tensors.number(exact.get("rows").ne(fused.get("rows")).sum());
    assertTrue(others <= 1e-3 * heads * tokens * topK, others + " rows are others");
    exact.remove("rows");
    Map<String, Tensor> numbers = new LinkedHashMap<>(fused);
    numbers.remove("rows");
    Results.assertNear("against float64", exact, numbers, others == 0 ? 1e-5 : 1e-2);
    Results.assertSame(
        fused, find(KernelMode.FUSED, queries, subKeys, direction, "cuda", ScalarType.Float, topK));
  }

  private static Map<String, Tensor> find(
      KernelMode mode,
      Tensor queries,
      Tensor subKeys,
      Tensor direction,
      String device,
      ScalarType type,
      int topK) {
    try (KernelMode.Setting kernels = mode.set()) {
      Tensor asking = Samples.leaf(queries, new Device(device), type);
      Tensor keys = Samples.leaf(subKeys, new Device(device), type);
      assertEquals(mode == KernelMode.FUSED, FusedKeySearch.of(asking, keys, topK).isPresent());
      ProductKeys.Hits hits = new ProductKeys(keys, topK).search(asking);
      Backward.run(hits.weights().mul(direction.to(new Device(device), type)).sum());
      return new LinkedHashMap<>(
          Results.copied(
              Map.of(
                  "rows", hits.rows(),
                  "weights", hits.weights(),
                  "gradient of queries", asking.grad(),
                  "gradient of keys", keys.grad())));
    }
  }

  @ParameterizedTest
  @CsvSource({
    // rows of the table, of which so many are read, columns, tokens, reads of each
    "16384, 16384, 128, 500, 16",
    "1024, 40, 512, 90, 128",
    "100, 100, 36, 7, 3",
    "9, 1, 4, 1, 1",
    "300, 200, 640, 40, 5",
    "50, 3, 640, 100, 12",
    "20, 4, 36, 300, 7",
    "9, 1, 16, 64, 2",
    "70000, 70000, 12, 1000, 8"
  })
  void readsAgreeWithFloat64AndThePlainPath(int rows, int read, int dim, int tokens, int reads) {
    Tensor table = Samples.rounded(random.values(rows, dim), ScalarType.Float);
    Tensor weights = Samples.rounded(random.values(tokens, reads), ScalarType.Float);
    Tensor chosen =
        Tensors.mul(random.values(tokens, reads).abs(), read / 1.8)
            .floor()
            .to(ScalarType.Long)
            .clamp_max(new Scalar(read - 1L));
    for (ScalarType type : new ScalarType[] {ScalarType.Float, ScalarType.BFloat16}) {
      Tensor direction = Samples.rounded(random.values(tokens, dim), type);
      Read work = new Read(table, chosen, weights, direction);
      double bound = type == ScalarType.Float ? 1e-5 : 1e-2;
      Map<String, Tensor> fused = work.run(KernelMode.FUSED, "cuda", ScalarType.Float, type);
      Results.assertNear(
          "against float64",
          work.run(KernelMode.PLAIN, "cpu", ScalarType.Double, ScalarType.Double),
          fused,
          bound);
      Results.assertNear(
          "against the plain path",
          work.run(KernelMode.PLAIN, "cuda", ScalarType.Float, type),
          fused,
          bound);
      Results.assertSame(fused, work.run(KernelMode.FUSED, "cuda", ScalarType.Float, type));
    }
  }

  private record Read(Tensor table, Tensor rows, Tensor weights, Tensor direction) {
    Map<String, Tensor> run(KernelMode mode, String device, ScalarType type, ScalarType outType) {
      try (KernelMode.Setting kernels = mode.set()) {
        Tensor values = Samples.leaf(table, new Device(device), type);
        Tensor scale = Samples.leaf(weights, new Device(device), type);
        Tensor places = rows.to(new Device(device), ScalarType.Long);
        assertEquals(
            mode == KernelMode.FUSED, FusedTableRead.of(values, places, outType).isPresent());
        Tensor out = TableRead.of(values, places, scale, outType);
        Backward.run(out.mul(direction.to(new Device(device), outType)).sum());
        assertTrue(values.grad().is_sparse());
        return Results.copied(
            Map.of(
                "out", out,
                "gradient of weights", scale.grad(),
                "gradient of the table", values.grad().to_dense()));
      }
    }
  }

  /** It has an entry for each row that was read, not for each read. */
  @Test
  void theGradientIsNoLargerThanTheTable() {
    try (KernelMode.Setting kernels = KernelMode.FUSED.set()) {
      Tensor table = Samples.leaf(random.values(10, 8), new Device("cuda"), ScalarType.Float);
      Tensor rows = torch.zeros(50, 4).to(new Device("cuda"), ScalarType.Long);
      Tensor weights = torch.ones(50, 4).to(new Device("cuda"), ScalarType.Float);
      Backward.run(TableRead.of(table, rows, weights, ScalarType.Float).sum());
      Tensor gradient = table.grad();
      assertEquals(10, gradient._nnz());
      assertEquals(200, Tensors.number(gradient.to_dense().select(0, 0).max()));
      assertEquals(1, gradient.coalesce()._nnz());
    }
  }

  @Test
  void whatTheyCannotComputeIsLeftToThePlainPath() {
    Tensor scores = torch.ones(2, 3, 40).to(new Device("cuda"), ScalarType.Float);
    Tensor table = torch.ones(40, 8).to(new Device("cuda"), ScalarType.Float);
    Tensor rows = torch.zeros(3, 2).to(new Device("cuda"), ScalarType.Long);
    try (KernelMode.Setting kernels = KernelMode.FUSED.set()) {
      assertTrue(FusedSearch.of(scores, 33).isEmpty());
      Tensor queries = torch.ones(3, 1, 32).to(new Device("cuda"), ScalarType.Float);
      Tensor subKeys = torch.ones(1, 2, 256, 16).to(new Device("cuda"), ScalarType.Float);
      assertTrue(FusedKeySearch.of(queries, subKeys, 3).isPresent());
      assertTrue(FusedKeySearch.of(queries, subKeys, 33).isEmpty());
      assertTrue(FusedKeySearch.of(queries, subKeys.narrow(2, 0, 255), 3).isEmpty());
      assertTrue(FusedKeySearch.of(queries, subKeys.narrow(3, 0, 8), 3).isEmpty());
      assertTrue(FusedSearch.of(scores.to(ScalarType.Double), 3).isEmpty());
      assertTrue(FusedTableRead.of(table.narrow(1, 0, 6), rows, ScalarType.Float).isEmpty());
      assertTrue(FusedTableRead.of(table, rows, ScalarType.Half).isEmpty());
      CustomFunction.inlined(
          () -> {
            assertTrue(FusedSearch.of(scores, 3).isEmpty());
            assertTrue(FusedKeySearch.of(queries, subKeys, 3).isEmpty());
            assertTrue(FusedTableRead.of(table, rows, ScalarType.Float).isEmpty());
          });
    }
  }
}
