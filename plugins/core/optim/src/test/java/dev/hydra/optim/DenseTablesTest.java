package dev.hydra.optim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.typesafe.config.ConfigFactory;
import dev.hydra.libtorch.kernels.KernelMode;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import dev.hydra.testing.Samples;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A table with a dense gradient, and which of its rows were read, against one of these rows. */
@ExtendWith(InScope.class)
class DenseTablesTest {
  private static final int ROWS = 9;
  private static final int STEPS = 12;
  private static final double MAX_NORM = 1.0;

  /** A table and another parameter, with a gradient of the table that is dense or sparse. */
  private static final class Side implements AutoCloseable {
    final Device device;
    final Tensor table;
    final Tensor other;
    final Tensor otherGradient;
    final Tensor gradient;
    final Optional<Tensor> read;
    final Optimizer optimizer;
    final GradientClip clip;
    final Optional<FusedUpdate> fused;

    Side(String options, Device device, int width, boolean dense, boolean byKernels) {
      this.device = device;
      Random random = new Random(1);
      table = numbers(random, ROWS, width);
      other = numbers(random, 7, 3);
      otherGradient = torch.zeros_like(other);
      gradient = dense ? torch.zeros_like(table) : sparse(new long[0], 0, width);
      read = dense ? Optional.of(Tensors.zeros(table, ScalarType.Bool, ROWS)) : Optional.empty();
      OptimizerSettings settings =
          OptimizerSettings.read(ConfigFactory.parseString(options), Plugins.ALL);
      assertTrue(settings.takesDenseTables());
      optimizer =
          settings.optimizer(
              List.of(
                  new OptimizedParameter("table", table, gradient, Optional.empty(), false, read),
                  new OptimizedParameter("other", other, otherGradient, true)),
              Map.of());
      optimizer.learningRate(1e-2);
      clip = new GradientClip(List.of(gradient, otherGradient), MAX_NORM);
      fused = byKernels ? optimizer.fused(MAX_NORM) : Optional.empty();
      assertEquals(byKernels, fused.isPresent());
    }

    private Tensor numbers(Random random, long... sizes) {
      long count = LongStream.of(sizes).reduce(1, (a, b) -> a * b);
      Tensor drawn = Tensor.create(random.doubles(count, -1, 1).toArray(), sizes);
      return drawn.to(device, ScalarType.Float);
    }

    private Tensor sparse(long[] rows, int seed, int width) {
      Tensor at = Tensor.create(rows, 1, rows.length).to(device, ScalarType.Long);
      Tensor values = numbers(new Random(seed), rows.length, width);
      return torch.torch__sparse_coo_tensor_unsafe(at, values, new long[] {ROWS, width}).coalesce();
    }

    /** Takes a step over the rows that a number stands for; returns the norm before clipping. */
    double step(int number, boolean skip) {
      long[] rows = rows(number);
      Tensor left = sparse(rows, 50 + number, (int) table.size(1));
      if (read.isPresent()) {
        gradient.zero_();
        read.get().zero_();
        new TableGradient(gradient, read.get()).add(left);
      } else {
        gradient.copy_(left);
      }
      otherGradient.copy_(numbers(new Random(number), 7, 3));
      Tensor flag = Tensors.add(Tensors.zeros(table, ScalarType.Float), skip ? 1 : 0);
      if (fused.isPresent()) {
        double norm = Tensors.number(fused.get().norm(Map.of()));
        fused.get().step(flag);
        return norm;
      }
      double norm = Tensors.number(clip.clip());
      optimizer.stepUnless(flag);
      return norm;
    }

    Map<String, Tensor> contents() {
      Map<String, Tensor> all = new LinkedHashMap<>();
      all.put("table", table);
      all.put("other", other);
      all.putAll(optimizer.exportState());
      all.replaceAll((name, value) -> value.to(Devices.cpu(), ScalarType.Double).clone());
      return all;
    }

    @Override
    public void close() {
      fused.ifPresent(FusedUpdate::close);
      clip.close();
      optimizer.close();
    }
  }

  /** None, or some of rows 1 to 8. */
  private static long[] rows(int step) {
    Random random = new Random(step);
    return LongStream.range(1, ROWS)
        .filter(row -> step % 5 != 0 && random.nextInt(3) == 0)
        .toArray();
  }

  /** The norm is added up over all rows, in another order; so clipping may change last bits. */
  private static void compare(Side expected, Side actual, double bound) {
    for (int i = 1; i <= STEPS; i++) {
      double norm = expected.step(i, i % 4 == 3);
      assertEquals(norm, actual.step(i, i % 4 == 3), bound * norm);
    }
    Map<String, Tensor> found = actual.contents();
    expected
        .contents()
        .forEach((name, value) -> Samples.assertNear(name, value, found.get(name), bound));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "type = adamw",
        "type = adamw, groups = [{ match = other, learning-rate-factor = 0.5 }]",
        "type = lion",
        "type = muon",
      })
  void theSameRowsChangeInTheSameWay(String options) {
    try (Side sparse = new Side(options, Devices.cpu(), 4, false, false);
        Side dense = new Side(options, Devices.cpu(), 4, true, false)) {
      compare(sparse, dense, 1e-5);
    }
  }

  /** Moments in bfloat16 may be rounded to the other side. */
  @ParameterizedTest
  @ValueSource(strings = "moments = bf16")
  void alsoWithSmallMoments(String options) {
    try (Side sparse = new Side(options, Devices.cpu(), 4, false, false);
        Side dense = new Side(options, Devices.cpu(), 4, true, false)) {
      compare(sparse, dense, 1e-3);
    }
  }

  @ParameterizedTest
  @Tag("cuda")
  @EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
  @CsvSource({
    "type = adamw, 4, true", "type = adamw, 5, true", "type = adamw, 516, true",
    "type = adamw, 4, false", "type = lion, 4, false", "type = muon, 4, false"
  })
  void onCudaAsOnACpu(String options, int width, boolean byKernels) {
    try (KernelMode.Setting kernels = (byKernels ? KernelMode.FUSED : KernelMode.PLAIN).set();
        Side sparse = new Side(options, Devices.cpu(), width, false, false);
        Side dense = new Side(options, new Device("cuda:0"), width, true, byKernels);
        Side again = new Side(options, new Device("cuda:0"), width, true, byKernels)) {
      compare(sparse, dense, options.contains("muon") ? 5e-2 : 1e-3);
      for (int i = 1; i <= STEPS; i++) {
        again.step(i, i % 4 == 3);
      }
      Map<String, Tensor> same = again.contents();
      dense.contents().forEach((name, value) -> assertTrue(value.equal(same.get(name)), name));
    }
  }

  @ParameterizedTest
  @Tag("cuda")
  @EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
  @ValueSource(doubles = {Double.NaN, Double.POSITIVE_INFINITY})
  void aStepThatIsNotFiniteChangesNothing(double value) {
    try (KernelMode.Setting kernels = KernelMode.FUSED.set();
        Side side = new Side("type = adamw", new Device("cuda:0"), 8, true, true)) {
      side.step(1, false);
      Map<String, Tensor> before = side.contents();
      side.gradient.select(0, 3).fill_(new Scalar(value));
      side.read.orElseThrow().select(0, 3).fill_(new Scalar(1.0));
      FusedUpdate fused = side.fused.orElseThrow();
      assertTrue(!Double.isFinite(Tensors.number(fused.norm(Map.of()))));
      fused.step(Tensors.add(Tensors.zeros(side.table, ScalarType.Float), 1));
      side.contents().forEach((name, now) -> assertTrue(now.equal(before.get(name)), name));
    }
  }
}
