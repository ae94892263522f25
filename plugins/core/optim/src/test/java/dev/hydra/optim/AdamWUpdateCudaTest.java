package dev.hydra.optim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.kernels.KernelMode;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.extension.ExtendWith;

/** Updates by CUDA kernels against their plain twin, LibTorch's operators one by one. */
@ExtendWith(InScope.class)
@Tag("cuda")
@EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
class AdamWUpdateCudaTest {
  private static final AdamW.Constants CONSTANTS = new AdamW.Constants(0.9, 0.95, 1e-8, 0.1);
  private static final long[][] SHAPES = {{1}, {7}, {33, 5}, {128, 64}, {3, 8192}, {100_003}};

  /** Parameters of odd and even sizes, with and without working copies, and their optimizer. */
  private static final class Side implements AutoCloseable {
    final List<OptimizedParameter> parameters = new ArrayList<>();
    final AdamW optimizer;
    final GradientClip clip;
    final Optional<FusedUpdate> fused;

    Side(boolean useFused, boolean half, double maxNorm) {
      torch.manual_seed(1);
      for (int i = 0; i < SHAPES.length; i++) {
        Tensor master = random(SHAPES[i]);
        boolean copied = i % 2 == 1;
        Tensor copy = master.to(ScalarType.BFloat16);
        Tensor gradient = torch.zeros_like(half && copied ? copy : master);
        parameters.add(
            new OptimizedParameter(
                "p" + i,
                master,
                gradient,
                copied ? Optional.of(copy) : Optional.empty(),
                i % 3 == 0));
      }
      optimizer = new AdamW(parameters, CONSTANTS, Map.of());
      optimizer.learningRate(1e-2);
      clip =
          new GradientClip(parameters.stream().map(OptimizedParameter::gradient).toList(), maxNorm);
      fused = useFused ? optimizer.fused(maxNorm) : Optional.empty();
      assertEquals(useFused, fused.isPresent());
    }

    double step(int number, double factor, boolean skip) {
      torch.manual_seed(100 + number);
      for (OptimizedParameter each : parameters) {
        Tensor value = Tensors.mul(random(Tensors.sizes(each.gradient())), factor);
        each.gradient().copy_(value.to(ScalarType.BFloat16));
      }
      Tensor flag = Tensors.zeros(parameters.get(0).master(), ScalarType.Float);
      flag = Tensors.add(flag, skip ? 1 : 0);
      Tensor norm = fused.isPresent() ? fused.get().norm(Map.of()) : clip.clip();
      double measured = Tensors.number(norm);
      if (fused.isPresent()) {
        fused.get().step(flag);
      } else {
        optimizer.stepUnless(flag);
        parameters.forEach(each -> each.copy().ifPresent(copy -> copy.copy_(each.master())));
      }
      return measured;
    }

    Map<String, Tensor> contents() {
      Map<String, Tensor> all = new LinkedHashMap<>();
      for (OptimizedParameter each : parameters) {
        all.put(each.name(), each.master().clone());
        each.copy().ifPresent(copy -> all.put(each.name() + ".copy", copy.clone()));
      }
      optimizer.exportState().forEach((name, value) -> all.put(name, value.clone()));
      return all;
    }

    @Override
    public void close() {
      fused.ifPresent(FusedUpdate::close);
      clip.close();
      optimizer.close();
    }
  }

  private static Tensor random(long... sizes) {
    return torch.randn(sizes).to(new Device("cuda:0"), ScalarType.Float);
  }

  private static void compare(boolean half, double maxNorm, double factor) {
    try (KernelMode.Setting kernels = KernelMode.FUSED.set();
        Side plain = new Side(false, false, maxNorm);
        Side fused = new Side(true, half, maxNorm);
        Side again = new Side(true, half, maxNorm)) {
      for (int i = 0; i < 5; i++) {
        double expected = plain.step(i, factor, i == 3);
        assertEquals(expected, fused.step(i, factor, i == 3), 1e-5 * expected);
        again.step(i, factor, i == 3);
      }
      Map<String, Tensor> actual = fused.contents();
      Map<String, Tensor> same = again.contents();
      plain
          .contents()
          .forEach(
              (name, value) -> {
                Tensor own = actual.get(name);
                double bound = Tensors.type(own) == ScalarType.BFloat16 ? 4e-3 : 1e-5;
                double off = Tensors.number(own.sub(value).to(ScalarType.Double).norm());
                double norm = Tensors.number(value.to(ScalarType.Double).norm());
                assertTrue(off <= bound * norm, name + " is off by " + off / norm);
                assertTrue(own.equal(same.get(name)), name + " is another one the second time");
              });
    }
  }

  @Test
  void likeThePlainTwinWithoutClipping() {
    compare(false, Double.POSITIVE_INFINITY, 1);
  }

  @Test
  void likeThePlainTwinWithClipping() {
    compare(false, 1.0, 1);
    compare(false, 1e9, 1);
  }

  @Test
  void likeThePlainTwinOnGradientsInBfloat16() {
    compare(true, 1.0, 1);
    compare(true, 1.0, 1e-6);
  }

  @Test
  void skippedItChangesNothingWhateverTheGradient() {
    for (double factor : new double[] {1, Double.NaN, Double.POSITIVE_INFINITY}) {
      try (KernelMode.Setting kernels = KernelMode.FUSED.set();
          Side side = new Side(true, true, 1.0)) {
        side.step(0, 1, false);
        Map<String, Tensor> before = side.contents();
        double norm = side.step(1, factor, true);
        assertEquals(factor == 1, Double.isFinite(norm));
        side.contents().forEach((name, value) -> assertTrue(value.equal(before.get(name)), name));
      }
    }
  }

  /** A table and a dense parameter, each way with the same gradients. */
  private static Map<String, Tensor> withTable(boolean useFused, boolean coalesced) {
    torch.manual_seed(7);
    Tensor table = random(50, 6);
    Tensor other = random(9);
    Tensor held = noRows(table);
    List<OptimizedParameter> all =
        List.of(
            new OptimizedParameter("table", table, held, true),
            new OptimizedParameter("other", other, torch.zeros_like(other), false));
    try (AdamW optimizer = new AdamW(all, CONSTANTS, Map.of());
        GradientClip clip = new GradientClip(List.of(held, all.get(1).gradient()), 1.0)) {
      optimizer.learningRate(1e-2);
      Optional<FusedUpdate> fused = useFused ? optimizer.fused(1.0) : Optional.empty();
      for (int i = 0; i < 4; i++) {
        torch.manual_seed(20 + i);
        long[] places = new Random(i).longs(30, 0, 50).toArray();
        Tensor rows = Tensor.create(places, 1, 30).to(table.device(), ScalarType.Long);
        Tensor sparse =
            torch.torch__sparse_coo_tensor_unsafe(rows, random(30, 6), new long[] {50, 6});
        all.get(1).gradient().copy_(random(9));
        Tensor skip = Tensors.add(Tensors.zeros(table, ScalarType.Float), i == 2 ? 1 : 0);
        if (fused.isPresent()) {
          fused.get().norm(Map.of("table", coalesced ? sparse.coalesce() : sparse));
          fused.get().step(skip);
        } else {
          held.copy_(sparse.coalesce());
          clip.clip();
          optimizer.stepUnless(skip);
        }
      }
      fused.ifPresent(FusedUpdate::close);
      Map<String, Tensor> found = new LinkedHashMap<>(Map.of("table", table, "other", other));
      optimizer.exportState().forEach((name, value) -> found.put(name, value.clone()));
      return found;
    }
  }

  private static Tensor noRows(Tensor table) {
    return torch.torch__sparse_coo_tensor_unsafe(
        Tensors.zeros(table, ScalarType.Long, 1, 0),
        Tensors.zeros(table, ScalarType.Float, 0, table.size(1)),
        Tensors.sizes(table));
  }

  @Test
  void ofATableOnlyTheRowsOfItsGradientChange() {
    try (KernelMode.Setting kernels = KernelMode.FUSED.set()) {
      Map<String, Tensor> plain = withTable(false, true);
      for (boolean coalesced : new boolean[] {true, false}) {
        withTable(true, coalesced)
            .forEach(
                (name, value) -> {
                  Tensor expected = plain.get(name);
                  double off = Tensors.number(value.sub(expected).to(ScalarType.Double).norm());
                  double norm = Tensors.number(expected.to(ScalarType.Double).norm());
                  assertTrue(off <= 1e-5 * norm, name + " is off by " + off / norm);
                });
      }
    }
  }
}
