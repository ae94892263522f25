package dev.hydra.mixer.mamba;

/** The SSD recurrence token by token on plain arrays, as the paper's equation (1) states it. */
final class NaiveSsd {
  private final int batch;
  private final int time;
  private final int heads;
  private final int headDim;
  private final int groups;
  private final int state;

  /** y [batch, time, heads, headDim], filled by {@link #run}. */
  final double[] y;

  /** The state [batch, heads, headDim, state], the initial one before and the last one after. */
  final double[] h;

  NaiveSsd(int batch, int time, int heads, int headDim, int groups, int state) {
    this.batch = batch;
    this.time = time;
    this.heads = heads;
    this.headDim = headDim;
    this.groups = groups;
    this.state = state;
    y = new double[batch * time * heads * headDim];
    h = new double[batch * heads * headDim * state];
  }

  /** All arrays in row-major order of the shapes in {@link ScanInput}. */
  void run(double[] x, double[] dt, double[] a, double[] b, double[] c, long[] documents) {
    for (int row = 0; row < batch; row++) {
      for (int head = 0; head < heads; head++) {
        int group = head / (heads / groups);
        for (int t = 0; t < time; t++) {
          int at = row * time + t;
          double step = dt[at * heads + head];
          boolean fresh = t > 0 && documents[at] != documents[at - 1];
          double decay = fresh ? 0 : Math.exp(step * a[head]);
          for (int p = 0; p < headDim; p++) {
            int channel = (at * heads + head) * headDim + p;
            double sum = 0;
            for (int n = 0; n < state; n++) {
              int element = ((row * heads + head) * headDim + p) * state + n;
              int projection = (at * groups + group) * state + n;
              h[element] = decay * h[element] + step * x[channel] * b[projection];
              sum += h[element] * c[projection];
            }
            y[channel] = sum;
          }
        }
      }
    }
  }
}
