package dev.hydra.mixer.deltanet;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import dev.hydra.composer.model.ForwardContext;
import dev.hydra.composer.model.StandaloneComponent;
import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.runtime.RandomState;
import dev.hydra.libtorch.runtime.Tensors;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;

/** The whole mixer against plain loops over its parameters. */
class GatedDeltaNetTest {
  private static final int WIDTH = 6;
  private static final int HEADS = 2;
  private static final int KEY_DIM = 4;
  private static final int SHARED = 2;
  private static final int VALUE_DIM = 3;
  private static final int KERNEL = 3;
  private static final int TIME = 21;
  private static final String OPTIONS =
      "heads = 2, head-dim = 4, value-heads = 4, value-dim = 3, conv-kernel = 3, chunk = 8,"
          + " norm-epsilon = 1e-3";

  @Test
  void agreesWithPlainLoops() {
    RandomState.seed(3);
    try (PointerScope scope = new PointerScope();
        StandaloneComponent mixer = Mixers.create(OPTIONS, WIDTH);
        ForwardContext forward = ForwardContext.evaluation();
        Grad off = Grad.off()) {
      for (String name : new String[] {"in_proj_qkvz.weight", "in_proj_ba.weight", "norm.weight"}) {
        Tensor random = torch.randn_like(Mixers.parameter(mixer, name));
        mixer.parameters().load("component." + name, random);
      }
      Tensor x = torch.randn(1, TIME, WIDTH).to(ScalarType.Double);
      double[] y = Tensors.numbers(mixer.forward(x, forward));
      assertArrayEquals(new Plain(mixer).run(Tensors.numbers(x)), y, 1e-11);
    }
  }

  /** The mixer as its parameters define it, head by head. */
  private static final class Plain {
    private final double[] qkvz;
    private final double[] ba;
    private final double[] conv;
    private final double[] stepBias;
    private final double[] decayLog;
    private final double[] norm;
    private final double[] out;

    Plain(StandaloneComponent mixer) {
      qkvz = Tensors.numbers(Mixers.parameter(mixer, "in_proj_qkvz.weight"));
      ba = Tensors.numbers(Mixers.parameter(mixer, "in_proj_ba.weight"));
      conv = Tensors.numbers(Mixers.parameter(mixer, "conv1d.weight"));
      stepBias = Tensors.numbers(Mixers.parameter(mixer, "dt_bias"));
      decayLog = Tensors.numbers(Mixers.parameter(mixer, "A_log"));
      norm = Tensors.numbers(Mixers.parameter(mixer, "norm.weight"));
      out = Tensors.numbers(Mixers.parameter(mixer, "out_proj.weight"));
    }

    double[] run(double[] x) {
      int inner = HEADS * SHARED * VALUE_DIM;
      double[] y = new double[TIME * WIDTH];
      for (int head = 0; head < HEADS * SHARED; head++) {
        int keyHead = head / SHARED;
        int perKeyHead = 2 * KEY_DIM + 2 * SHARED * VALUE_DIM;
        int queryRow = keyHead * perKeyHead;
        int valueRow = queryRow + 2 * KEY_DIM + head % SHARED * VALUE_DIM;
        int keys = HEADS * KEY_DIM;
        double[][] state = new double[VALUE_DIM][KEY_DIM];
        for (int t = 0; t < TIME; t++) {
          double[] q = convolved(x, t, queryRow, keyHead * KEY_DIM, KEY_DIM);
          double[] k = convolved(x, t, queryRow + KEY_DIM, keys + keyHead * KEY_DIM, KEY_DIM);
          double[] v = convolved(x, t, valueRow, 2 * keys + head * VALUE_DIM, VALUE_DIM);
          scale(q, 1 / Math.sqrt((dot(q, q) + 1e-6) * KEY_DIM));
          scale(k, 1 / Math.sqrt(dot(k, k) + 1e-6));
          int rates = keyHead * 2 * SHARED + head % SHARED;
          double beta = 1 / (1 + Math.exp(-row(ba, rates, x, t)));
          double step = Math.log1p(Math.exp(row(ba, rates + SHARED, x, t) + stepBias[head]));
          double alpha = Math.exp(-Math.exp(decayLog[head]) * step);
          double[] read = new double[VALUE_DIM];
          for (int i = 0; i < VALUE_DIM; i++) {
            double error = v[i] - alpha * dot(state[i], k);
            for (int j = 0; j < KEY_DIM; j++) {
              state[i][j] = alpha * state[i][j] + beta * error * k[j];
            }
            read[i] = dot(state[i], q);
          }
          scale(read, 1 / Math.sqrt(dot(read, read) / VALUE_DIM + 1e-3));
          for (int i = 0; i < VALUE_DIM; i++) {
            double gate = silu(row(qkvz, valueRow + SHARED * VALUE_DIM + i, x, t));
            for (int w = 0; w < WIDTH; w++) {
              double weight = out[w * inner + head * VALUE_DIM + i];
              y[t * WIDTH + w] += weight * norm[i] * read[i] * gate;
            }
          }
        }
      }
      return y;
    }

    private double[] convolved(double[] x, int t, int row, int channel, int count) {
      double[] result = new double[count];
      for (int i = 0; i < count; i++) {
        for (int back = 0; back < KERNEL && back <= t; back++) {
          double weight = conv[(channel + i) * KERNEL + KERNEL - 1 - back];
          result[i] += weight * row(qkvz, row + i, x, t - back);
        }
        result[i] = silu(result[i]);
      }
      return result;
    }

    private static double row(double[] matrix, int row, double[] x, int t) {
      double sum = 0;
      for (int w = 0; w < WIDTH; w++) {
        sum += matrix[row * WIDTH + w] * x[t * WIDTH + w];
      }
      return sum;
    }

    private static double dot(double[] a, double[] b) {
      double sum = 0;
      for (int i = 0; i < a.length; i++) {
        sum += a[i] * b[i];
      }
      return sum;
    }

    private static void scale(double[] values, double factor) {
      for (int i = 0; i < values.length; i++) {
        values[i] *= factor;
      }
    }

    private static double silu(double x) {
      return x / (1 + Math.exp(-x));
    }
  }
}
