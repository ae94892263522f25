package dev.hydra.mixer.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.function.DoubleUnaryOperator;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Scaled rotary positions against the papers' formulas, one frequency after the other. */
class RopeScalingTest {
  private static final int DIMS = 16;
  private static final double THETA = 1000;

  @Test
  void linear() {
    compare("rope-scaling = linear, rope-factor = 3", scaled(frequency -> frequency / 3), 1);
  }

  /** Wavelengths from 6 to 2,600 against 64 / 4 and 64 / 1: kept, mixed and slowed down. */
  @Test
  void llama3() {
    double length = 64;
    double low = 1;
    double high = 4;
    double factor = 8;
    List<Double> expected =
        scaled(
            frequency -> {
              double wavelength = 2 * Math.PI / frequency;
              if (wavelength < length / high) {
                return frequency;
              }
              if (wavelength > length / low) {
                return frequency / factor;
              }
              double smooth = (length / wavelength - low) / (high - low);
              return (1 - smooth) * frequency / factor + smooth * frequency;
            });
    List<Double> plain = NaiveAttention.frequencies(DIMS, THETA);
    long kept = expected.stream().filter(plain::contains).count();
    long slow = scaled(f -> f / factor).stream().filter(expected::contains).count();
    assertTrue(kept > 0 && slow > 0 && kept + slow < DIMS / 2, kept + " kept, " + slow + " slow");
    compare(
        "rope-scaling = llama3, rope-factor = 8, rope-original-length = 64"
            + ", rope-low-frequency-factor = 1, rope-high-frequency-factor = 4",
        expected,
        1);
  }

  @ParameterizedTest
  @CsvSource({
    "4, 256, 32, 1, ''",
    "16, 4096, 20, 3, ''",
    "1, 256, 32, 1, ''",
    "4, 256, 32, 1, 1.7",
    "4, 2, 32, 1, ''",
    "4, 100000000, 2, 1, ''",
    "4, 256, 3, 3, ''"
  })
  void yarn(double factor, int length, double fast, double slow, String amplitude) {
    double low = Math.max(0, Math.floor(dimension(fast, length)));
    double high = Math.min(DIMS - 1, Math.ceil(dimension(slow, length)));
    double width = high == low ? 0.001 : high - low;
    List<Double> plain = NaiveAttention.frequencies(DIMS, THETA);
    List<Double> expected = new ArrayList<>();
    for (int i = 0; i < DIMS / 2; i++) {
      double slowed = Math.min(1, Math.max(0, (i - low) / width));
      expected.add(plain.get(i) / factor * slowed + plain.get(i) * (1 - slowed));
    }
    compare(
        "rope-scaling = yarn, rope-factor = "
            + factor
            + ", rope-original-length = "
            + length
            + (fast == 32 ? "" : ", rope-beta-fast = " + fast)
            + (slow == 1 ? "" : ", rope-beta-slow = " + slow)
            + (amplitude.isEmpty() ? "" : ", rope-attention-factor = " + amplitude),
        expected,
        amplitude.isEmpty() ? 0.1 * Math.log(factor) + 1 : Double.parseDouble(amplitude));
  }

  private static double dimension(double turns, int length) {
    return DIMS * Math.log(length / (turns * 2 * Math.PI)) / (2 * Math.log(THETA));
  }

  private static List<Double> scaled(DoubleUnaryOperator scaling) {
    return NaiveAttention.frequencies(DIMS, THETA).stream().map(scaling::applyAsDouble).toList();
  }

  private static void compare(String options, List<Double> frequencies, double amplitude) {
    NaiveAttention naive =
        new NaiveAttention(
            2,
            2,
            DIMS + 2,
            frequencies,
            amplitude,
            1 / Math.sqrt(18),
            Double.POSITIVE_INFINITY,
            1e-6,
            (q, k) -> true);
    String all =
        "heads = 2, head-dim = 18, rope-dim = " + DIMS + ", rope-theta = " + THETA + ", " + options;
    try (Trial trial = new Trial(new FullFactory(), all, 10, ScalarType.Double)) {
      Tensor x = trial.input(1, 150, 10);
      double[][] expected = naive.forward(Trial.row(x, 0), trial.parameters());
      double[][] actual = Trial.row(trial.forward(x), 0);
      for (int t = 0; t < expected.length; t++) {
        assertArrayEquals(expected[t], actual[t], 1e-9, "token " + t);
      }
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "rope-scaling = dynamic | unknown value \"dynamic\". Known: linear, llama3, none, yarn",
        "rope-factor = 2 | has no effect with rope-scaling = none; leave it out",
        "rope-scaling = linear | rope-factor: is required with rope-scaling = linear",
        "rope-scaling = linear, rope-factor = 0.5 | must be at least 1",
        "rope-scaling = linear, rope-factor = 2, rope-beta-fast = 3 | has no effect with rope-scaling"
            + " = linear",
        "rope-scaling = llama3, rope-factor = 8, rope-original-length = 64,"
            + " rope-high-frequency-factor = 4 | rope-low-frequency-factor: is required",
        "rope-scaling = llama3, rope-factor = 8, rope-original-length = 64,"
            + " rope-low-frequency-factor = 4, rope-high-frequency-factor = 4"
            + " | 4.0 must be above rope-low-frequency-factor = 4.0",
        "rope-scaling = yarn, rope-factor = 8 | rope-original-length: is required",
        "rope-scaling = yarn, rope-factor = 8, rope-original-length = 64, rope-beta-slow = 40"
            + " | 32.0 is less than rope-beta-slow = 40.0",
        "rope-scaling = yarn, rope-factor = 8, rope-original-length = 64, rope-theta = 1"
            + " | yarn needs a rope-theta above 1, but it is 1.0",
        "rope-scaling = linear, rope-factor = 2, rope-dim = 0 | has nothing to scale",
      })
  void badOptionsNameTheRemedy(String options, String message) {
    String refusal = Trial.refusal(new FullFactory(), options);
    assertThat(refusal).contains(message);
  }
}
