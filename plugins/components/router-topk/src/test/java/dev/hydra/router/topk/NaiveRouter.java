package dev.hydra.router.topk;

import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;

/** Routing in plain loops, straight from its definition: what the routers are compared with. */
final class NaiveRouter {
  private final double[][] weight;
  private final int topK;
  private final Score score;
  private final boolean normalize;

  NaiveRouter(double[][] weight, int topK, Score score, boolean normalize) {
    this.weight = weight;
    this.topK = topK;
    this.score = score;
    this.normalize = normalize;
  }

  /** The dense routing of each token by its own hidden state. */
  double[][] tokens(double[][] x) {
    return Arrays.stream(x).map(this::decide).toArray(double[][]::new);
  }

  /** The dense routing of each token by a summary of what came before its chunk. */
  double[][] chunks(double[][] x, int[] documents, int chunk, Summary summary) {
    double[][] routing = new double[x.length][];
    for (int t = 0; t < x.length; t++) {
      int document = t;
      while (document > 0 && documents[document - 1] == documents[t]) {
        document--;
      }
      int start = t - (t - document) % chunk;
      routing[t] = decide(summarize(x, document, start, chunk, summary));
    }
    return routing;
  }

  private static double[] summarize(
      double[][] x, int document, int start, int chunk, Summary summary) {
    if (summary == Summary.FIRST_TOKEN || start == document) {
      return x[start];
    }
    int from = summary == Summary.RUNNING_MEAN ? document : start - chunk;
    return IntStream.range(0, x[0].length)
        .mapToDouble(
            i -> IntStream.range(from, start).mapToDouble(t -> x[t][i]).average().orElse(0))
        .toArray();
  }

  private double[] decide(double[] hidden) {
    double[] scores = new double[weight.length];
    for (int e = 0; e < scores.length; e++) {
      for (int i = 0; i < hidden.length; i++) {
        scores[e] += weight[e][i] * hidden[i];
      }
    }
    double[] powers = Arrays.stream(scores).map(Math::exp).toArray();
    double sum = Arrays.stream(powers).sum();
    for (int e = 0; e < scores.length; e++) {
      scores[e] = score == Score.SOFTMAX ? powers[e] / sum : powers[e] / (1 + powers[e]);
    }
    int[] chosen =
        IntStream.range(0, scores.length)
            .boxed()
            .sorted(Comparator.comparingDouble(e -> -scores[e]))
            .limit(topK)
            .mapToInt(e -> e)
            .toArray();
    double scale = normalize ? Arrays.stream(chosen).mapToDouble(e -> scores[e]).sum() : 1;
    double[] dense = new double[scores.length];
    for (int e : chosen) {
      dense[e] = scores[e] / scale;
    }
    return dense;
  }
}
