package dev.hydra.libtorch.products;

import dev.hydra.libtorch.kernels.Gpu;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.bytedeco.cuda.cudart.CUevent_st;
import org.bytedeco.cuda.global.cudart;
import org.bytedeco.pytorch.cuda.CUDAStream;
import org.bytedeco.pytorch.global.torch_cuda;

/** Measures how long the device takes for work of its current stream, by events between. */
final class StreamTimer implements AutoCloseable {
  private final Gpu gpu;
  private final List<CUevent_st> marks = new ArrayList<>();

  private StreamTimer(Gpu gpu) {
    this.gpu = gpu;
  }

  /**
   * Times several works in turns, so that what the device's clock does meanwhile is the same for
   * all, and waits.
   *
   * @param repeats runs of a work in a row
   * @param rounds how often it is their turn
   * @return of each the microseconds of a run, in the median of its turns
   */
  static double[] microseconds(Gpu gpu, List<Runnable> works, int repeats, int rounds) {
    try (StreamTimer timer = new StreamTimer(gpu)) {
      works.get(0).run(); // so that the device is busy while the next is issued
      timer.mark();
      for (int round = 0; round < rounds; round++) {
        for (Runnable work : works) {
          for (int i = 0; i < repeats; i++) {
            work.run();
          }
          timer.mark();
        }
      }
      double[] turns = timer.between();
      return IntStream.range(0, works.size())
          .mapToDouble(work -> median(turns, work, works.size()) / repeats)
          .toArray();
    }
  }

  /** The median of every so-many-th from the first on. */
  private static double median(double[] all, int first, int step) {
    double[] own =
        IntStream.range(0, all.length / step).mapToDouble(i -> all[first + i * step]).toArray();
    Arrays.sort(own);
    return own[own.length / 2];
  }

  private void mark() {
    CUevent_st event = new CUevent_st();
    check("cudaEventCreate", gpu.run(() -> cudart.cudaEventCreate(event)));
    marks.add(event);
    check(
        "cudaEventRecord",
        gpu.run(
            () -> {
              try (CUDAStream stream = torch_cuda.getCurrentCUDAStream((byte) gpu.index())) {
                return cudart.cudaEventRecord(event, stream.stream());
              }
            }));
  }

  /** Microseconds from each mark to the next. */
  private double[] between() {
    check("cudaEventSynchronize", cudart.cudaEventSynchronize(marks.get(marks.size() - 1)));
    double[] all = new double[marks.size() - 1];
    float[] milliseconds = new float[1];
    for (int i = 0; i < all.length; i++) {
      check(
          "cudaEventElapsedTime",
          cudart.cudaEventElapsedTime(milliseconds, marks.get(i), marks.get(i + 1)));
      all[i] = 1e3 * milliseconds[0];
    }
    return all;
  }

  private static void check(String call, int result) {
    if (result != cudart.cudaSuccess) {
      throw new CublasException(call + " fails: " + cudart.cudaGetErrorString(result).getString());
    }
  }

  @Override
  public void close() {
    marks.forEach(cudart::cudaEventDestroy);
  }
}
