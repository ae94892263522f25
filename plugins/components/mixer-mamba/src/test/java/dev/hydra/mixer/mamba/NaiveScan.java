package dev.hydra.mixer.mamba;

import dev.hydra.libtorch.runtime.Tensors;

/** The selective scan token by token on plain arrays, as {@link SelectiveScan} states it. */
final class NaiveScan {
  /** y [batch, time, inner]. */
  final double[] y;

  /** The last state [batch, inner, state]. */
  final double[] h;

  private NaiveScan(double[] y, double[] h) {
    this.y = y;
    this.h = h;
  }

  static NaiveScan of(ScanInput in) {
    int batch = (int) in.x().size(0);
    int time = (int) in.x().size(1);
    int inner = (int) in.a().size(0);
    int state = (int) in.a().size(1);
    double[] x = Tensors.numbers(in.x());
    double[] dt = Tensors.numbers(in.dt());
    double[] a = Tensors.numbers(in.a());
    double[] b = Tensors.numbers(in.b());
    double[] c = Tensors.numbers(in.c());
    long[] documents =
        in.documents().map(Tensors::integers).orElseGet(() -> new long[batch * time]);
    double[] h =
        in.initial().map(Tensors::numbers).orElseGet(() -> new double[batch * inner * state]);
    double[] y = new double[batch * time * inner];
    for (int row = 0; row < batch; row++) {
      for (int t = 0; t < time; t++) {
        int at = row * time + t;
        boolean fresh = t > 0 && documents[at] != documents[at - 1];
        for (int d = 0; d < inner; d++) {
          double step = dt[at * inner + d];
          for (int n = 0; n < state; n++) {
            int element = (row * inner + d) * state + n;
            double left = fresh ? 0 : Math.exp(step * a[d * state + n]) * h[element];
            h[element] = left + step * b[at * state + n] * x[at * inner + d];
            y[at * inner + d] += c[at * state + n] * h[element];
          }
        }
      }
    }
    return new NaiveScan(y, h);
  }
}
