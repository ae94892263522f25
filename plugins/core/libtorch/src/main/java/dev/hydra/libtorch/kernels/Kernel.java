package dev.hydra.libtorch.kernels;

import dev.hydra.libtorch.runtime.Tensors;
import java.util.Arrays;
import java.util.StringJoiner;
import org.bytedeco.cuda.cudart.CUfunc_st;
import org.bytedeco.cuda.cudart.CUmod_st;
import org.bytedeco.cuda.global.cudart;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerPointer;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.cuda.CUDAStream;
import org.bytedeco.pytorch.global.torch_cuda;
import org.jspecify.annotations.Nullable;

/**
 * A CUDA kernel that is loaded on a device. Its machine code stays there as long as the process:
 * twins of a plugin that are swapped all the time share it, as it is found by its content.
 */
public final class Kernel {
  private static final int MOST_ARGUMENTS = 48;

  /** The shared memory that a kernel may use without asking; more must be allowed for it. */
  private static final int USUAL_SHARED_BYTES = 48 << 10;

  /**
   * The grid by which a kernel is launched.
   *
   * @param x blocks along x, at least 1
   * @param y blocks along y, 1 to 65,535
   * @param z blocks along z, 1 to 65,535
   * @param threads threads of a block
   * @param sharedBytes dynamic shared memory of a block
   */
  public record Grid(long x, long y, long z, int threads, int sharedBytes) {
    private static final long MOST_ROWS = 65_535;

    /** Checks the ranges. */
    public Grid {
      if (x < 1 || x > Integer.MAX_VALUE || y < 1 || y > MOST_ROWS || z < 1 || z > MOST_ROWS) {
        throw new IllegalArgumentException(
            "a grid of " + x + " x " + y + " x " + z + " blocks is out of range");
      }
    }

    /** Returns a grid of blocks along x only, without dynamic shared memory. */
    public static Grid of(long blocks, int threads) {
      return new Grid(blocks, 1, 1, threads, 0);
    }
  }

  private final Gpu gpu;
  private final String name;
  private final CUfunc_st function;
  private final BytePointer values = new BytePointer((long) MOST_ARGUMENTS * Long.BYTES);
  private final PointerPointer<Pointer> addresses = new PointerPointer<>(MOST_ARGUMENTS);
  private int allowedSharedBytes = USUAL_SHARED_BYTES;

  private Kernel(Gpu gpu, String name, CUfunc_st function) {
    this.gpu = gpu;
    this.name = name;
    this.function = function;
    for (int i = 0; i < MOST_ARGUMENTS; i++) {
      addresses.put(i, values.getPointer((long) i * Long.BYTES));
    }
    for (Pointer each : new Pointer[] {function, values, addresses}) {
      each.retainReference(); // they stay, whatever scope is open
    }
  }

  /** Loads the machine code of a kernel on a device. */
  static Kernel load(Gpu gpu, String name, byte[] cubin) {
    try (BytePointer image = new BytePointer(cubin)) {
      CUmod_st module = new CUmod_st();
      CUfunc_st function = new CUfunc_st();
      onDevice(
          gpu,
          () -> {
            check(cudart.cuModuleLoadData(module, image), name, "it cannot be loaded");
            check(
                cudart.cuModuleGetFunction(function, module, name),
                name,
                "its program has no such kernel");
          });
      return new Kernel(gpu, name, function);
    }
  }

  /** Returns the device that it is loaded on. */
  public Gpu gpu() {
    return gpu;
  }

  /**
   * Launches it on the current stream of its device, and does not wait.
   *
   * @param arguments in the order of its parameters: tensors (or null for none) for pointers, of
   *     which shapes and strides are the caller's to check, {@code Integer} for int, {@code Long}
   *     for long long, {@code Float} for float
   * @throws KernelException if the driver refuses, with all that it was given
   */
  public synchronized void launch(Grid grid, @Nullable Object... arguments) {
    if (arguments.length > MOST_ARGUMENTS) {
      throw new IllegalArgumentException(name + " has too many arguments: " + arguments.length);
    }
    for (int i = 0; i < arguments.length; i++) {
      put((long) i * Long.BYTES, arguments[i]);
    }
    onDevice(
        gpu,
        () -> {
          allow(grid.sharedBytes());
          try (CUDAStream stream = torch_cuda.getCurrentCUDAStream((byte) gpu.index())) {
            int result =
                cudart.cuLaunchKernel(
                    function,
                    (int) grid.x(),
                    (int) grid.y(),
                    (int) grid.z(),
                    grid.threads(),
                    1,
                    1,
                    grid.sharedBytes(),
                    stream.stream(),
                    addresses,
                    (PointerPointer<?>) null);
            if (result != cudart.CUDA_SUCCESS) {
              check(result, name, "launched with " + grid + " and " + describe(arguments));
            }
          }
        });
  }

  private void allow(int sharedBytes) {
    if (sharedBytes > allowedSharedBytes) {
      check(
          cudart.cuFuncSetAttribute(
              function, cudart.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, sharedBytes),
          name,
          sharedBytes + " bytes of shared memory are too many");
      allowedSharedBytes = sharedBytes;
    }
  }

  private void put(long offset, @Nullable Object argument) {
    if (argument == null) {
      values.putLong(offset, 0);
    } else if (argument instanceof Tensor tensor) {
      values.putLong(offset, address(tensor));
    } else if (argument instanceof Integer number) {
      values.putInt(offset, number);
    } else if (argument instanceof Long number) {
      values.putLong(offset, number);
    } else if (argument instanceof Float number) {
      values.putFloat(offset, number);
    } else {
      throw new IllegalArgumentException(
          name + " cannot take a " + argument.getClass().getName() + " for an argument");
    }
  }

  private long address(Tensor tensor) {
    if (!tensor.is_cuda() || Gpu.indexOf(tensor) != gpu.index()) {
      throw new IllegalArgumentException(
          name + " runs on cuda:" + gpu.index() + " and is given " + describe(tensor));
    }
    try (Pointer data = tensor.data_ptr()) {
      return data.address();
    }
  }

  private static void onDevice(Gpu gpu, Runnable action) {
    int before = torch_cuda.current_device();
    if (before == gpu.index()) {
      action.run();
      return;
    }
    torch_cuda.set_device((byte) gpu.index());
    try {
      action.run();
    } finally {
      torch_cuda.set_device((byte) before);
    }
  }

  private static String describe(@Nullable Object[] arguments) {
    StringJoiner text = new StringJoiner(", ", "(", ")");
    for (Object each : arguments) {
      text.add(each instanceof Tensor tensor ? describe(tensor) : String.valueOf(each));
    }
    return text.toString();
  }

  private static String describe(Tensor tensor) {
    return Tensors.type(tensor) + Arrays.toString(Tensors.sizes(tensor))
        + " on "
        + tensor.device().str().getString();
  }

  private static void check(int result, String kernel, String what) {
    if (result == cudart.CUDA_SUCCESS) {
      return;
    }
    try (PointerPointer<BytePointer> text = new PointerPointer<>(1)) {
      cudart.cuGetErrorString(result, text);
      BytePointer reason = text.get(BytePointer.class, 0);
      throw new KernelException(
          "CUDA kernel "
              + kernel
              + ": "
              + what
              + ": "
              + (reason == null ? "error " + result : reason.getString()));
    }
  }
}
