package dev.hydra.memory.pkm;

import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;

/** A memory that scores every row of its table, in plain loops. */
final class ProductKeyReference {
  private final Map<String, double[]> weights;
  private final QueryNorm norm;
  private final int width;
  private final int keys;
  private final int keyDim;
  private final int heads;
  private final int topK;

  /** How much weight each row got, over all tokens and heads. */
  private final double[] access;

  ProductKeyReference(
      Map<String, double[]> weights,
      QueryNorm norm,
      int width,
      int keys,
      int keyDim,
      int heads,
      int topK) {
    this.weights = weights;
    this.norm = norm;
    this.width = width;
    this.keys = keys;
    this.keyDim = keyDim;
    this.heads = heads;
    this.topK = topK;
    this.access = new double[keys * keys];
  }

  /** The output for a sequence [time * width]. */
  double[] run(double[] x) {
    int valueDim = weight("values.weight").length / access.length;
    double[] y = new double[x.length];
    for (int from = 0; from < x.length; from += width) {
      double[] token = Arrays.copyOfRange(x, from, from + width);
      double[] sum = new double[valueDim];
      for (int head = 0; head < heads; head++) {
        read(query(token, head), head, sum);
      }
      System.arraycopy(product(weight("out_proj.weight"), 0, sum, width), 0, y, from, width);
    }
    return y;
  }

  private double[] query(double[] token, int head) {
    double[] query = product(weight("query.weight"), head * keyDim, token, keyDim);
    if (norm == QueryNorm.RMS) {
      double size = Math.sqrt(DoubleStream.of(query).map(q -> q * q).sum() / keyDim + 1e-6);
      for (int d = 0; d < keyDim; d++) {
        query[d] *= weight("query_norm.weight")[head * keyDim + d] / size;
      }
    }
    return query;
  }

  private void read(double[] query, int head, double[] sum) {
    double[] scores =
        IntStream.range(0, access.length).mapToDouble(row -> score(query, head, row)).toArray();
    List<Integer> best =
        IntStream.range(0, scores.length)
            .boxed()
            .sorted(Comparator.comparing((Integer row) -> -scores[row]))
            .limit(topK)
            .toList();
    double total = best.stream().mapToDouble(row -> Math.exp(scores[row])).sum();
    for (int row : best) {
      double share = Math.exp(scores[row]) / total;
      access[row] += share;
      for (int d = 0; d < sum.length; d++) {
        sum[d] += share * weight("values.weight")[row * sum.length + d];
      }
    }
  }

  /** The row's key is two sub-keys side by side. */
  private double score(double[] query, int head, int row) {
    int half = keyDim / 2;
    double score = 0;
    for (int d = 0; d < half; d++) {
      int first = (head * 2 * keys + row / keys) * half + d;
      int second = ((head * 2 + 1) * keys + row % keys) * half + d;
      score += query[d] * weight("keys")[first] + query[half + d] * weight("keys")[second];
    }
    return score;
  }

  /** The share of the weights that each row was read with. */
  double[] shares() {
    double total = DoubleStream.of(access).sum();
    return DoubleStream.of(access).map(a -> a / total).toArray();
  }

  /** The part of rows that was read. */
  double usage() {
    return DoubleStream.of(access).filter(a -> a > 0).count() / (double) access.length;
  }

  /** The Kullback-Leibler divergence of the access from even use of all rows. */
  double divergence() {
    double total = DoubleStream.of(access).sum();
    return DoubleStream.of(access)
        .filter(a -> a > 0)
        .map(a -> a / total * Math.log(a / total * access.length))
        .sum();
  }

  /** The matrix rows {@code from} to {@code from + count} times a vector. */
  private static double[] product(double[] matrix, int from, double[] vector, int count) {
    double[] product = new double[count];
    for (int i = 0; i < count; i++) {
      for (int j = 0; j < vector.length; j++) {
        product[i] += matrix[(from + i) * vector.length + j] * vector[j];
      }
    }
    return product;
  }

  private double[] weight(String name) {
    return Objects.requireNonNull(weights.get(name), name);
  }
}
