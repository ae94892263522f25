package dev.hydra.mixer.attention;

import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.IntStream;

/** Attention in plain loops, one sequence from position 0, straight from its definition. */
record NaiveAttention(
    int heads,
    int kvHeads,
    int headDim,
    List<Double> frequencies,
    double amplitude,
    double scale,
    double softCap,
    double epsilon,
    Sees sees) {
  /** Whether the token at a position sees a key at another. */
  @FunctionalInterface
  interface Sees {
    boolean test(int query, int key);
  }

  /** Llama's defaults. */
  static NaiveAttention of(int heads, int kvHeads, int headDim, Sees sees) {
    double scale = 1 / Math.sqrt(headDim);
    return new NaiveAttention(
        heads,
        kvHeads,
        headDim,
        frequencies(headDim, 10_000),
        1,
        scale,
        Double.POSITIVE_INFINITY,
        1e-6,
        sees);
  }

  /** The same with another factor and a bound of the scores. */
  NaiveAttention withScores(double newScale, double newSoftCap) {
    return new NaiveAttention(
        heads, kvHeads, headDim, frequencies, amplitude, newScale, newSoftCap, epsilon, sees);
  }

  /** The angles by which one position turns the pairs of dimensions. */
  static List<Double> frequencies(int dims, double theta) {
    return IntStream.range(0, dims / 2).mapToObj(i -> 1 / Math.pow(theta, 2.0 * i / dims)).toList();
  }

  /** The output [time][width] for input x [time][width]. */
  double[][] forward(double[][] x, Map<String, double[]> parameters) {
    double[][] q = project(x, parameters, "q", heads);
    double[][] k = project(x, parameters, "k", kvHeads);
    double[][] v = affine(x, parameters, "v");
    double[][] mixed = new double[x.length][heads * headDim];
    for (int t = 0; t < x.length; t++) {
      for (int head = 0; head < heads; head++) {
        attend(q, k, v, t, head, mixed[t]);
      }
    }
    return affine(mixed, parameters, "o");
  }

  private void attend(double[][] q, double[][] k, double[][] v, int t, int head, double[] result) {
    int from = head * headDim;
    int kvFrom = head / (heads / kvHeads) * headDim;
    double[] weights = new double[q.length];
    double sum = 0;
    for (int j = 0; j <= t; j++) {
      if (sees.test(t, j)) {
        double score = 0;
        for (int d = 0; d < headDim; d++) {
          score += q[t][from + d] * k[j][kvFrom + d];
        }
        score *= scale;
        boolean bounded = Double.isFinite(softCap);
        weights[j] = Math.exp(bounded ? softCap * Math.tanh(score / softCap) : score);
        sum += weights[j];
      }
    }
    for (int j = 0; j <= t; j++) {
      for (int d = 0; d < headDim; d++) {
        result[from + d] += weights[j] / sum * v[j][kvFrom + d];
      }
    }
  }

  private double[][] project(
      double[][] x, Map<String, double[]> parameters, String name, int count) {
    double[][] y = affine(x, parameters, name);
    double[] norm = parameters.get(name + "_norm.weight");
    for (int t = 0; t < y.length; t++) {
      for (int head = 0; head < count; head++) {
        if (norm != null) {
          normalise(y[t], head * headDim, norm);
        }
        rotate(y[t], head * headDim, t);
      }
    }
    return y;
  }

  private void normalise(double[] y, int from, double[] weight) {
    double squares = 0;
    for (int d = 0; d < headDim; d++) {
      squares += y[from + d] * y[from + d];
    }
    double root = Math.sqrt(squares / headDim + epsilon);
    for (int d = 0; d < headDim; d++) {
      y[from + d] *= weight[d] / root;
    }
  }

  private void rotate(double[] y, int from, int position) {
    int half = frequencies.size();
    for (int i = 0; i < half; i++) {
      double angle = position * frequencies.get(i);
      double a = y[from + i];
      double b = y[from + half + i];
      y[from + i] = amplitude * (a * Math.cos(angle) - b * Math.sin(angle));
      y[from + half + i] = amplitude * (b * Math.cos(angle) + a * Math.sin(angle));
    }
  }

  private static double[][] affine(double[][] x, Map<String, double[]> parameters, String name) {
    double[] weight = Objects.requireNonNull(parameters.get(name + "_proj.weight"));
    double[] bias = parameters.get(name + "_proj.bias");
    int in = x[0].length;
    int out = weight.length / in;
    double[][] y = new double[x.length][out];
    for (int t = 0; t < x.length; t++) {
      for (int o = 0; o < out; o++) {
        y[t][o] = bias == null ? 0 : bias[o];
        for (int i = 0; i < in; i++) {
          y[t][o] += weight[o * in + i] * x[t][i];
        }
      }
    }
    return y;
  }
}
