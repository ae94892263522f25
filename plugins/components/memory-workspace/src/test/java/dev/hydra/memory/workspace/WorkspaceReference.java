package dev.hydra.memory.workspace;

import java.util.Arrays;
import java.util.Map;
import java.util.Objects;
import java.util.function.IntToDoubleFunction;
import java.util.stream.IntStream;

/** The equations of {@link Workspace}, one token and one slot after the other. */
record WorkspaceReference(
    Map<String, double[]> weights, int width, int slots, int dim, int heads, int chunk) {

  /** The output [time][width] for a sequence [time][width]. */
  double[][] run(double[][] x) {
    double[][] memory = new double[slots][];
    for (int s = 0; s < slots; s++) {
      memory[s] = row("slots", s, dim);
    }
    double[][] y = new double[x.length][];
    for (int t = 0; t < x.length; t++) {
      y[t] = read(x[t], memory);
      if ((t + 1) % chunk == 0) {
        memory = write(x, t + 1 - chunk, memory);
      }
    }
    return y;
  }

  private double[][] write(double[][] x, int from, double[][] memory) {
    double[][] written = new double[slots][dim];
    for (int s = 0; s < slots; s++) {
      double[] found = new double[dim];
      for (int h = 0; h < heads; h++) {
        double[] key = row("write_key.weight", h * slots + s, width);
        double[] weight = softmax(chunk, i -> dot(key, x[from + i]));
        for (int d = h * headDim(); d < (h + 1) * headDim(); d++) {
          double[] value = row("write_value.weight", d, width);
          for (int i = 0; i < chunk; i++) {
            found[d] += weight[i] * dot(value, x[from + i]);
          }
        }
      }
      double gate =
          sigmoid(dot(row("write_gate.weight", s, dim), found) + all("write_gate.bias")[s]);
      for (int d = 0; d < dim; d++) {
        written[s][d] = (1 - gate) * memory[s][d] + gate * Math.tanh(found[d]);
      }
    }
    return written;
  }

  private double[] read(double[] x, double[][] memory) {
    double[][] content = new double[slots][dim];
    for (int s = 0; s < slots; s++) {
      double size = Math.sqrt(dot(memory[s], memory[s]) / dim + 1e-6);
      for (int d = 0; d < dim; d++) {
        content[s][d] = memory[s][d] / size * all("read_norm.weight")[d];
      }
    }
    double[] read = new double[dim];
    for (int h = 0; h < heads; h++) {
      int first = h * headDim();
      double[] weight = softmax(slots, s -> score(x, content[s], s, first));
      for (int d = first; d < first + headDim(); d++) {
        for (int s = 0; s < slots; s++) {
          read[d] += weight[s] * content[s][d];
        }
      }
    }
    double gate = sigmoid(dot(row("read_gate.weight", 0, width), x) + all("read_gate.bias")[0]);
    return IntStream.range(0, width)
        .mapToDouble(w -> gate * dot(row("out_proj.weight", w, dim), read))
        .toArray();
  }

  private double score(double[] x, double[] content, int slot, int first) {
    double score = 0;
    for (int d = first; d < first + headDim(); d++) {
      double query = dot(row("read_query.weight", d, width), x);
      double key = dot(row("read_key.weight", d, dim), content);
      score += query * (key + row("read_address", slot, dim)[d]);
    }
    return score / Math.sqrt(headDim());
  }

  private int headDim() {
    return dim / heads;
  }

  private double[] row(String name, int row, int length) {
    return Arrays.copyOfRange(all(name), row * length, (row + 1) * length);
  }

  private double[] all(String name) {
    return Objects.requireNonNull(weights.get(name), name);
  }

  private static double[] softmax(int size, IntToDoubleFunction score) {
    double[] weights = IntStream.range(0, size).mapToDouble(score).map(Math::exp).toArray();
    double sum = IntStream.range(0, size).mapToDouble(i -> weights[i]).sum();
    return IntStream.range(0, size).mapToDouble(i -> weights[i] / sum).toArray();
  }

  private static double sigmoid(double x) {
    return 1 / (1 + Math.exp(-x));
  }

  private static double dot(double[] a, double[] b) {
    return IntStream.range(0, a.length).mapToDouble(i -> a[i] * b[i]).sum();
  }
}
