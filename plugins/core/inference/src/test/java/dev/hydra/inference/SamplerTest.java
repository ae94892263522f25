package dev.hydra.inference;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.List;
import java.util.stream.IntStream;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;

class SamplerTest {
  private static final double[] LOGITS = {Math.log(0.1), Math.log(0.6), Math.log(0.3)};

  private static double[] frequencies(Sampling sampling) {
    double[] frequencies = new double[LOGITS.length];
    int draws = 20_000;
    int together = 100;
    try (PointerScope scope = new PointerScope()) {
      Tensor logits = Tensor.create(LOGITS).view(1, -1).expand(together, -1);
      List<SampledRow> rows =
          IntStream.range(0, together)
              .mapToObj(i -> new SampledRow(sampling.withSeed(i), new int[] {0}))
              .toList();
      for (int i = 0; i < draws; i += together) {
        for (int token : Sampler.draw(logits, rows)) {
          frequencies[token] += 1.0 / draws;
        }
      }
    }
    return frequencies;
  }

  private static void about(double[] expected, Sampling sampling) {
    double[] actual = frequencies(sampling);
    for (int token = 0; token < expected.length; token++) {
      assertEquals(expected[token], actual[token], 0.015, "token " + token);
    }
  }

  @Test
  void drawsByProbability() {
    about(new double[] {0.1, 0.6, 0.3}, new Sampling(1, 0, 1, 1));
  }

  @Test
  void temperatureSharpens() {
    double sum = 0.01 + 0.36 + 0.09;
    about(new double[] {0.01 / sum, 0.36 / sum, 0.09 / sum}, new Sampling(0.5, 0, 1, 1));
    about(new double[] {0, 1, 0}, new Sampling(0, 0, 1, 1));
  }

  @Test
  void topKAndTopPCutTheTail() {
    about(new double[] {0, 2 / 3.0, 1 / 3.0}, new Sampling(1, 2, 1, 1));
    about(new double[] {0, 2 / 3.0, 1 / 3.0}, new Sampling(1, 0, 0.85, 1));
    about(new double[] {0, 1, 0}, new Sampling(1, 0, 0.5, 1));
  }

  @Test
  void refusesWhatMakesNoSense() {
    assertThrows(IllegalArgumentException.class, () -> new Sampling(-1, 0, 1, 0));
    assertThrows(IllegalArgumentException.class, () -> new Sampling(1, -1, 1, 0));
    assertThrows(IllegalArgumentException.class, () -> new Sampling(1, 0, 0, 0));
    assertThrows(IllegalArgumentException.class, () -> new Sampling(Double.NaN, 0, 1, 0));
  }
}
