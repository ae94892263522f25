package dev.hydra.optim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.typesafe.config.ConfigFactory;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.Handles;
import dev.hydra.testing.InScope;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Matrices by Muon, against the algorithm written down number by number. */
@ExtendWith(InScope.class)
class MuonTest {
  private static final double RATE = 1 / 64.0;

  /** One matrix, in float64. */
  private static final class Reference {
    final int rows;
    final int columns;
    final double scale;
    final double[] value;
    final double[] momentum;

    Reference(int rows, int columns, double scale, double[] value) {
      this.rows = rows;
      this.columns = columns;
      this.scale = scale;
      this.value = value;
      momentum = new double[value.length];
    }

    void step(double[] gradient) {
      double[] direction = new double[value.length];
      double norm = 0;
      for (int i = 0; i < value.length; i++) {
        momentum[i] = 0.95 * momentum[i] + 0.05 * gradient[i];
        direction[i] = 0.05 * gradient[i] + 0.95 * momentum[i];
        norm += direction[i] * direction[i];
      }
      for (int i = 0; i < value.length; i++) {
        direction[i] /= Math.sqrt(norm) + 1e-7;
      }
      double[][] x = new double[rows][columns];
      for (int i = 0; i < value.length; i++) {
        x[i / columns][i % columns] = direction[i];
      }
      for (int n = 0; n < 5; n++) {
        double[][] square = product(x, transposed(x));
        double[][] fourth = product(square, square);
        for (int i = 0; i < rows; i++) {
          for (int j = 0; j < rows; j++) {
            square[i][j] = -4.7750 * square[i][j] + 2.0315 * fourth[i][j];
          }
        }
        double[][] more = product(square, x);
        for (int i = 0; i < rows; i++) {
          for (int j = 0; j < columns; j++) {
            x[i][j] = 3.4445 * x[i][j] + more[i][j];
          }
        }
      }
      for (int i = 0; i < value.length; i++) {
        value[i] -= RATE * (0.1 * value[i] + scale * x[i / columns][i % columns]);
      }
    }

    private static double[][] product(double[][] a, double[][] b) {
      double[][] c = new double[a.length][b[0].length];
      for (int i = 0; i < a.length; i++) {
        for (int j = 0; j < b[0].length; j++) {
          for (int k = 0; k < b.length; k++) {
            c[i][j] += a[i][k] * b[k][j];
          }
        }
      }
      return c;
    }

    private static double[][] transposed(double[][] a) {
      double[][] c = new double[a[0].length][a.length];
      for (int i = 0; i < a.length; i++) {
        for (int j = 0; j < c.length; j++) {
          c[j][i] = a[i][j];
        }
      }
      return c;
    }
  }

  @ParameterizedTest
  @CsvSource({"Double, match-adamw, 1e-9", "Double, original, 1e-9", "Float, match-adamw, 2e-4"})
  void agreesWithTheAlgorithmOverTwentySteps(ScalarType type, String scale, double tolerance) {
    OptimizedParameter wide = parameter("a.weight", type, 4, 7);
    OptimizedParameter tall = parameter("b.weight", type, 9, 3);
    OptimizedParameter stack = parameter("experts.weight", type, 3, 4, 7);
    Reference[] references = new Reference[5];
    boolean adamw = scale.equals("match-adamw");
    double wideScale = adamw ? 0.2 * Math.sqrt(7) : 1;
    references[0] = new Reference(4, 7, wideScale, Tensors.numbers(wide.master()));
    references[1] =
        new Reference(9, 3, adamw ? 0.2 * 3 : Math.sqrt(3), Tensors.numbers(tall.master()));
    for (int e = 0; e < 3; e++) {
      references[2 + e] =
          new Reference(4, 7, wideScale, Tensors.numbers(stack.master().select(0, e)));
    }
    try (Optimizer optimizer = muon("scale = " + scale, wide, tall, stack)) {
      for (int step = 0; step < 20; step++) {
        fill(step, wide, tall, stack);
        references[0].step(Tensors.numbers(wide.gradient()));
        references[1].step(Tensors.numbers(tall.gradient()));
        for (int e = 0; e < 3; e++) {
          references[2 + e].step(Tensors.numbers(stack.gradient().select(0, e)));
        }
        optimizer.step(RATE);
      }
      Map<String, Tensor> state = optimizer.exportState();
      assertArrayEquals(
          references[1].momentum, Tensors.numbers(state.get("b.weight.momentum_buffer")), 1e-6);
      assertArrayEquals(
          references[4].momentum,
          Tensors.numbers(state.get("experts.weight.momentum_buffer").select(0, 2)),
          1e-6);
    }
    assertArrayEquals(references[0].value, Tensors.numbers(wide.master()), tolerance);
    assertArrayEquals(references[1].value, Tensors.numbers(tall.master()), tolerance);
    for (int e = 0; e < 3; e++) {
      assertArrayEquals(
          references[2 + e].value, Tensors.numbers(stack.master().select(0, e)), tolerance);
    }
  }

  @ParameterizedTest
  @CsvSource({"16, 64", "64, 16", "40, 40"})
  void stepsAreNearlyOrthogonal(int rows, int columns) {
    torch.manual_seed(1);
    Tensor made = Orthogonal.of(torch.randn(3, rows, columns), 5);
    for (double value : Tensors.numbers(torch.linalg_svdvals(made))) {
      assertThat(value).isBetween(rows == columns ? 0.1 : 0.6, 1.3);
    }
    Tensor none = Orthogonal.of(torch.zeros(1, rows, columns), 5);
    assertEquals(0, Tensors.number(none.abs().max()));
  }

  @Test
  void whatIsNotAMatrixIsLeftToAdamW() {
    OptimizedParameter matrix = parameter("blocks.0.ffn.weight", ScalarType.Float, 4, 7);
    List<OptimizedParameter> others =
        List.of(
            parameter("embedding.weight", ScalarType.Float, 4, 7),
            parameter("head.weight", ScalarType.Float, 4, 7),
            parameter("blocks.0.norm.weight", ScalarType.Float, 7),
            parameter("blocks.0.mixer.conv1d.weight", ScalarType.Float, 6, 1, 4),
            parameter("blocks.0.gate.weight", ScalarType.Float, 1, 7),
            parameter("blocks.0.memory.keys", ScalarType.Float, 2, 2, 3, 4),
            parameter("scalar", ScalarType.Float),
            new OptimizedParameter(
                "blocks.0.mixer.A_log",
                Tensors.zeros(torch.ones(1), 4, 7),
                Tensors.zeros(torch.ones(1), 4, 7),
                false));
    OptimizedParameter[] all = new OptimizedParameter[others.size() + 1];
    others.toArray(all);
    all[others.size()] = matrix;
    List<OptimizedParameter> copies =
        others.stream()
            .map(
                each ->
                    new OptimizedParameter(
                        each.name(), each.master().clone(), each.gradient(), each.decay()))
            .toList();
    try (Optimizer optimizer = muon("weight-decay = 0.2", all);
        AdamW adamw = new AdamW(copies, new AdamW.Constants(0.9, 0.95, 1e-8, 0.2), Map.of())) {
      for (int step = 0; step < 5; step++) {
        fill(step, all);
        optimizer.step(RATE);
        adamw.step(RATE);
      }
      assertThat(optimizer.states().keySet()).last().isEqualTo(matrix.name());
      assertThat(optimizer.states().get(matrix.name()).tensors().keySet())
          .containsExactly("momentum_buffer");
    }
    for (int i = 0; i < copies.size(); i++) {
      assertTrue(copies.get(i).master().equal(others.get(i).master()), copies.get(i).name());
    }
  }

  @Test
  void aRestoredOptimizerContinuesBitForBitAndASkippedStepChangesNothing() {
    OptimizedParameter[] whole = {
      parameter("a", ScalarType.Float, 4, 7), parameter("b", ScalarType.Float, 7)
    };
    OptimizedParameter[] resumed = {
      parameter("a", ScalarType.Float, 4, 7), parameter("b", ScalarType.Float, 7)
    };
    try (Optimizer first = muon("", whole);
        Optimizer second = muon("", resumed)) {
      for (int step = 0; step < 5; step++) {
        fill(step, whole);
        first.step(RATE);
      }
      Map<String, Tensor> saved = new HashMap<>();
      first.exportState().forEach((name, tensor) -> saved.put(name, tensor.clone()));
      second.importState(saved);
      for (int i = 0; i < whole.length; i++) {
        resumed[i].master().copy_(whole[i].master());
        whole[i]
            .gradient()
            .copy_(
                Tensors.maskedFill(
                    whole[i].gradient(), torch.ones(1).to(ScalarType.Bool), Double.NaN));
      }
      first.learningRate(RATE);
      first.stepUnless(torch.ones());
      for (int step = 5; step < 10; step++) {
        fill(step, whole);
        first.stepUnless(torch.zeros());
        fill(step, resumed);
        second.step(RATE);
      }
      second
          .exportState()
          .forEach((name, t) -> assertTrue(t.equal(first.exportState().get(name)), name));
    }
    for (int i = 0; i < whole.length; i++) {
      assertTrue(whole[i].master().equal(resumed[i].master()), whole[i].name());
    }
  }

  @Test
  void memoryStaysFlat() {
    OptimizedParameter[] all = {
      parameter("a", ScalarType.Float, 4, 7), parameter("b", ScalarType.Float, 7)
    };
    try (Optimizer optimizer = muon("", all)) {
      Handles.assertFreesItself(100, () -> optimizer.step(1e-3));
    }
  }

  private static Optimizer muon(String options, OptimizedParameter... parameters) {
    return OptimizerSettings.read(ConfigFactory.parseString("type = muon\n" + options), Plugins.ALL)
        .optimizer(List.of(parameters), Map.of());
  }

  private static OptimizedParameter parameter(String name, ScalarType type, long... sizes) {
    Tensor value = torch.zeros(sizes).to(type);
    Random random = new Random(name.hashCode());
    value.copy_(values(random, value));
    return new OptimizedParameter(name, value, torch.zeros_like(value), true);
  }

  private static void fill(int seed, OptimizedParameter... parameters) {
    Random random = new Random(seed);
    for (OptimizedParameter each : parameters) {
      each.gradient().copy_(values(random, each.gradient()));
    }
  }

  private static Tensor values(Random random, Tensor like) {
    double[] numbers = random.doubles(like.numel(), -1, 1).toArray();
    return Tensor.create(numbers, Tensors.sizes(like));
  }
}
