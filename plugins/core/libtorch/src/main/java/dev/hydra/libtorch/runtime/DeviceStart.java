package dev.hydra.libtorch.runtime;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.DeviceOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * The start of a device by a thread of its own, while the caller does what needs no LibTorch: its
 * libraries are loaded; on CUDA the context is made, and what multiplies matrices there.
 *
 * <p>Until {@link #await} has returned, no other thread may use LibTorch's classes: to initialise
 * one loads the libraries, which initialise all of them, and two threads that begin at different
 * ones wait for each other for ever.
 */
public final class DeviceStart implements AutoCloseable {
  /** The side of the matrices, for which cuBLAS chooses kernels as for large ones. */
  private static final long SIDE = 256;

  private final CompletableFuture<Void> started;

  /** Begins to start the device that a user names, see {@link Devices#choose}. */
  public DeviceStart(String name) {
    LibTorchClasses.begin();
    started =
        CompletableFuture.runAsync(
            () -> start(Devices.choose(name)),
            task -> {
              Thread thread = new Thread(task, "hydra-device-start");
              thread.setDaemon(true);
              thread.start();
            });
  }

  private static void start(Device device) {
    if (device.is_cpu()) {
      return;
    }
    try (PointerScope scope = new PointerScope()) {
      TensorOptions options =
          new TensorOptions(ScalarType.BFloat16).device(new DeviceOptional(device));
      Tensor square = torch.zeros(new long[] {SIDE, SIDE}, options);
      Tensors.number(square.mm(square).sum()); // waits for the device
    }
  }

  /**
   * Waits until the device is started.
   *
   * @throws IllegalStateException if there is no such device here, as {@link Devices#choose} says
   * @throws IllegalArgumentException if the name is not one of a device
   */
  public void await() {
    try {
      started.join();
    } catch (CompletionException e) {
      if (e.getCause() instanceof RuntimeException failure) {
        throw failure;
      }
      throw e;
    }
  }

  /** Waits for the thread, whether it succeeds or not: a program that exits meanwhile may crash. */
  @Override
  public void close() {
    started.handle((nothing, failure) -> true).join();
  }
}
