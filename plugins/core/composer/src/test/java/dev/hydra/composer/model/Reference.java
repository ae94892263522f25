package dev.hydra.composer.model;

import java.util.Arrays;
import java.util.Map;

/** The parts of a model, in plain loops over [time][width]. */
final class Reference {
  private final Map<String, double[]> parameters;
  private final int width;

  Reference(Model model) {
    parameters = Models.values(model);
    width = model.spec().width();
  }

  double[] parameter(String name) {
    double[] value = parameters.get(name);
    if (value == null) {
      throw new AssertionError("no parameter " + name + " in " + parameters.keySet());
    }
    return value;
  }

  double[][] embedding(long... tokens) {
    double[][] x = new double[tokens.length][width];
    for (int t = 0; t < tokens.length; t++) {
      for (int i = 0; i < width; i++) {
        x[t][i] = parameter("embedding.weight")[(int) tokens[t] * width + i];
      }
    }
    return x;
  }

  /** {@code W x} of every token, for a matrix [out, width]. */
  double[][] linear(double[][] x, String weight) {
    double[] matrix = parameter(weight);
    double[][] y = new double[x.length][matrix.length / width];
    for (int t = 0; t < x.length; t++) {
      for (int o = 0; o < y[t].length; o++) {
        for (int i = 0; i < width; i++) {
          y[t][o] += matrix[o * width + i] * x[t][i];
        }
      }
    }
    return y;
  }

  double[][] rmsNorm(double[][] x, String name, double epsilon) {
    double[][] y = new double[x.length][width];
    for (int t = 0; t < x.length; t++) {
      double squares = 0;
      for (double value : x[t]) {
        squares += value * value;
      }
      for (int i = 0; i < width; i++) {
        y[t][i] = parameter(name + ".weight")[i] * x[t][i] / Math.sqrt(squares / width + epsilon);
      }
    }
    return y;
  }

  double[][] layerNorm(double[][] x, String name, double epsilon) {
    double[][] y = new double[x.length][width];
    for (int t = 0; t < x.length; t++) {
      double mean = 0;
      for (double value : x[t]) {
        mean += value / width;
      }
      double variance = 0;
      for (double value : x[t]) {
        variance += (value - mean) * (value - mean) / width;
      }
      for (int i = 0; i < width; i++) {
        y[t][i] =
            parameter(name + ".weight")[i] * (x[t][i] - mean) / Math.sqrt(variance + epsilon)
                + parameter(name + ".bias")[i];
      }
    }
    return y;
  }

  /** {@link RunningSumFactory}. */
  double[][] runningSum(double[][] x, String path) {
    double[][] y = linear(x, path + ".weight");
    for (int t = 1; t < y.length; t++) {
      for (int i = 0; i < width; i++) {
        y[t][i] += y[t - 1][i];
      }
    }
    return y;
  }

  /** {@link ScalesFactory} with a {@link BestFactory}. */
  double[][] scales(double[][] x, String path) {
    double[][] logits = linear(x, path + ".router.weight");
    double[][] y = new double[x.length][width];
    for (int t = 0; t < x.length; t++) {
      int best = 0;
      double sum = 0;
      for (int e = 0; e < logits[t].length; e++) {
        best = logits[t][e] > logits[t][best] ? e : best;
        sum += Math.exp(logits[t][e]);
      }
      for (int i = 0; i < width; i++) {
        y[t][i] =
            x[t][i]
                * parameter(path + ".scale")[best * width + i]
                * Math.exp(logits[t][best])
                / sum;
      }
    }
    return y;
  }

  /** {@code x + factor y}, the factor a scalar gate. */
  double[][] plus(double[][] x, double factor, double[][] y) {
    double[][] sum = new double[x.length][width];
    for (int t = 0; t < x.length; t++) {
      for (int i = 0; i < width; i++) {
        sum[t][i] = x[t][i] + factor * y[t][i];
      }
    }
    return sum;
  }

  double[][] times(double[][] x, double factor) {
    return Arrays.stream(x)
        .map(row -> Arrays.stream(row).map(value -> factor * value).toArray())
        .toArray(double[][]::new);
  }

  /** {@code y sigmoid(w normed + b)}: a learned gate. */
  double[][] learned(double[][] y, double[][] normed, String gate) {
    double[][] beta = linear(normed, gate + ".weight");
    double[][] gated = new double[y.length][width];
    for (int t = 0; t < y.length; t++) {
      double open = 1 / (1 + Math.exp(-beta[t][0] - parameter(gate + ".bias")[0]));
      for (int i = 0; i < width; i++) {
        gated[t][i] = y[t][i] * open;
      }
    }
    return gated;
  }
}
