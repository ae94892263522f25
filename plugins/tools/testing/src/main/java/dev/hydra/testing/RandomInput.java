package dev.hydra.testing;

import java.util.Arrays;
import java.util.SplittableRandom;
import org.bytedeco.pytorch.Tensor;

/** Makes random tensors, the same in every run, whatever else draws from LibTorch's generator. */
public final class RandomInput {
  private final SplittableRandom random = new SplittableRandom(1);

  /** Draws float64 values, uniform with variance 1. */
  public Tensor values(long... sizes) {
    double[] values = new double[(int) Arrays.stream(sizes).reduce(1, Math::multiplyExact)];
    Arrays.setAll(values, i -> random.nextDouble(-Math.sqrt(3), Math.sqrt(3)));
    return Tensor.create(values).view(sizes);
  }

  /** Draws numbers of documents of 1 to 40 tokens, other ones in each row: int64 [batch, time]. */
  public Tensor documents(int batch, int time) {
    long[] numbers = new long[batch * time];
    for (int row = 0; row < batch; row++) {
      int t = 0;
      for (long document = 3; t < time; document++) {
        int end = Math.min(time, t + random.nextInt(1, 41));
        Arrays.fill(numbers, row * time + t, row * time + end, document);
        t = end;
      }
    }
    return Tensor.create(numbers).view(batch, time);
  }
}
