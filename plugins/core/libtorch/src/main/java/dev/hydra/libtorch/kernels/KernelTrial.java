package dev.hydra.libtorch.kernels;

import dev.hydra.libtorch.runtime.Tensors;
import java.nio.file.Path;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Tries whether kernels can be compiled and run on a device. */
public final class KernelTrial {
  /** The program that is tried. */
  public static final String PROGRAM = "trial.cu";

  private static final int COUNT = 1000;
  private static final int THREADS = 128;

  private static final KernelSource SOURCE = KernelSource.of(KernelTrial.class, PROGRAM);

  private KernelTrial() {}

  /**
   * What a trial found.
   *
   * @param compiler the version of NVRTC
   * @param architecture what it compiled for
   * @param seconds from the source to the result, compiled anew
   * @param cache where compiled kernels are kept
   */
  public record Report(String compiler, String architecture, double seconds, Path cache) {}

  /**
   * Compiles a tiny kernel, loads it, runs it and checks its result.
   *
   * @param device a CUDA device
   * @throws KernelException if one of these fails
   */
  public static Report run(Device device) {
    try (PointerScope scope = new PointerScope()) {
      Tensor numbers = torch.arange(new Scalar(COUNT)).to(device, ScalarType.Float);
      Gpu gpu = Gpu.of(numbers);
      String compiler = Nvrtc.version();
      long start = System.nanoTime();
      Tensor twice = torch.empty_like(numbers);
      KernelProgram.compiledAnew(gpu, SOURCE)
          .kernel("trial")
          .orElseThrow()
          .launch(
              Kernel.Grid.of((COUNT + THREADS - 1) / THREADS, THREADS),
              numbers,
              twice,
              (long) COUNT);
      boolean right = twice.equal(Tensors.mul(numbers, 2.0));
      double seconds = (System.nanoTime() - start) / 1e9;
      if (!right) {
        throw new KernelException("a kernel runs on this device, but what it computes is wrong");
      }
      return new Report(compiler, gpu.architecture(), seconds, CubinCache.ofUser().folder());
    }
  }
}
