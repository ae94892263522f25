package dev.hydra.mixer.mamba;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import dev.hydra.libtorch.nn.RmsNorm;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.RandomInput;
import java.util.Optional;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class GatedNormTest {
  private static final int TOKENS = 5;
  private static final int CHANNELS = 12;
  private static final double EPSILON = 0.1;

  @ParameterizedTest
  @CsvSource({"AFTER_GATE, 1", "AFTER_GATE, 3", "BEFORE_GATE, 1", "BEFORE_GATE, 4", "NONE, 1"})
  void agreesWithPlainLoops(GatedNorm.Place place, int groups) {
    try (PointerScope scope = new PointerScope()) {
      RandomInput random = new RandomInput();
      Tensor y = random.values(1, TOKENS, CHANNELS);
      Tensor z = random.values(1, TOKENS, CHANNELS);
      Tensor weight = random.values(CHANNELS);
      Optional<RmsNorm> norm =
          place == GatedNorm.Place.NONE
              ? Optional.empty()
              : Optional.of(new RmsNorm(weight, groups, EPSILON));

      double[] expected = Tensors.numbers(y);
      double[] gate = Tensors.numbers(z);
      for (int i = 0; i < gate.length; i++) {
        gate[i] = gate[i] / (1 + Math.exp(-gate[i]));
      }
      if (place != GatedNorm.Place.BEFORE_GATE) {
        multiply(expected, gate);
      }
      if (place != GatedNorm.Place.NONE) {
        norm(expected, Tensors.numbers(weight), CHANNELS / groups);
      }
      if (place == GatedNorm.Place.BEFORE_GATE) {
        multiply(expected, gate);
      }
      Tensor actual = new GatedNorm(place, norm).forward(y, z).tensor();
      assertArrayEquals(expected, Tensors.numbers(actual), 1e-12);
    }
  }

  private static void multiply(double[] values, double[] factors) {
    for (int i = 0; i < values.length; i++) {
      values[i] *= factors[i];
    }
  }

  private static void norm(double[] values, double[] weight, int size) {
    for (int from = 0; from < values.length; from += size) {
      double squares = 0;
      for (int i = from; i < from + size; i++) {
        squares += values[i] * values[i];
      }
      double scale = 1 / Math.sqrt(squares / size + EPSILON);
      for (int i = from; i < from + size; i++) {
        values[i] *= scale * weight[i % CHANNELS];
      }
    }
  }
}
