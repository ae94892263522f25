package dev.hydra.libtorch.kernels;

import dev.hydra.libtorch.runtime.Tensors;
import java.util.Arrays;
import java.util.Map;
import java.util.StringJoiner;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;
import org.bytedeco.cuda.cudart.CUDA_KERNEL_NODE_PARAMS_v2;
import org.bytedeco.cuda.cudart.CUfunc_st;
import org.bytedeco.cuda.cudart.CUgraphNode_st;
import org.bytedeco.cuda.cudart.CUgraph_st;
import org.bytedeco.cuda.cudart.CUlaunchAttribute;
import org.bytedeco.cuda.cudart.CUlaunchConfig;
import org.bytedeco.cuda.global.cudart;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerPointer;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.cuda.CUDAStream;
import org.bytedeco.pytorch.global.torch_cuda;
import org.jspecify.annotations.Nullable;

/**
 * A CUDA kernel that is loaded on a device. It says itself, in constants of its program, how much
 * dynamic shared memory a block of it takes, {@code extern "C" __device__ const int NAME_bytes},
 * and whether it waits for the kernels before it, {@code NAME_waits}: then it is launched while the
 * one before it still runs ({@code dependent_launch.cu}).
 */
public final class Kernel {
  private static final int MOST_ARGUMENTS = 64;

  /** What a kernel may use without asking; more must be allowed for it. */
  private static final int USUAL_SHARED_BYTES = 48 << 10;

  /**
   * How a kernel is spread over the device.
   *
   * @param x blocks along x, at least 1
   * @param y blocks along y, 1 to {@link #MOST_ROWS}
   * @param z blocks along z, 1 to {@link #MOST_ROWS}
   * @param threads threads of a block
   */
  public record Grid(long x, long y, long z, int threads) {
    /** The most blocks along y, and along z. */
    public static final long MOST_ROWS = 65_535;

    /** Checks the ranges. */
    public Grid {
      if (x < 1 || x > Integer.MAX_VALUE || y < 1 || y > MOST_ROWS || z < 1 || z > MOST_ROWS) {
        throw new IllegalArgumentException(
            "a grid of " + x + " x " + y + " x " + z + " blocks is out of range");
      }
    }

    /** Counts the blocks that hold all items, the last of them perhaps not full. */
    public static long count(long items, long each) {
      return (items + each - 1) / each;
    }

    /** Blocks along x only. */
    public static Grid of(long blocks, int threads) {
      return new Grid(blocks, 1, 1, threads);
    }
  }

  /** A tensor that is passed with its strides, see {@link #strided}. */
  public record Strided(Tensor tensor) {}

  private final Gpu gpu;
  private final String name;
  private final LongAdder launches;
  private final CUfunc_st function;
  private final int sharedBytes;
  private final int allSharedBytes;
  private final CUlaunchAttribute overlap = new CUlaunchAttribute();
  private final CUlaunchConfig config = new CUlaunchConfig();
  private final BytePointer values = new BytePointer((long) MOST_ARGUMENTS * Long.BYTES);
  private final PointerPointer<Pointer> addresses = new PointerPointer<>(MOST_ARGUMENTS);
  private @Nullable BytePointer maps;
  private final Map<Integer, Integer> resident = new ConcurrentHashMap<>();

  Kernel(Gpu gpu, String program, String name, CUfunc_st function, int sharedBytes, boolean waits) {
    this.gpu = gpu;
    this.name = name;
    launches = KernelLaunches.of(program);
    this.function = function;
    this.sharedBytes = sharedBytes;
    for (int i = 0; i < MOST_ARGUMENTS; i++) {
      addresses.put(i, values.getPointer((long) i * Long.BYTES));
    }
    for (Pointer each : new Pointer[] {function, values, addresses, overlap, config}) {
      each.retainReference(); // they stay, whatever scope is open
    }
    overlap.id(cudart.CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION);
    overlap.value().programmaticStreamSerializationAllowed(1);
    config.blockDimY(1).blockDimZ(1).sharedMemBytes(sharedBytes);
    config.attrs(overlap).numAttrs(waits && gpu.overlapsKernels() ? 1 : 0);
    allSharedBytes = sharedBytes + fixedSharedBytes();
    if (fits() && allSharedBytes > USUAL_SHARED_BYTES) {
      int attribute = cudart.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
      Driver.check(
          gpu.run(() -> cudart.cuFuncSetAttribute(function, attribute, sharedBytes)),
          name,
          "it may not have " + sharedBytes + " bytes of shared memory");
    }
  }

  /**
   * Returns how many blocks of so many threads the whole device runs at the same time: as many as
   * their registers and shared memory let be on a multiprocessor, times those there are.
   */
  public int blocksAtOnce(int threads) {
    return resident.computeIfAbsent(
            threads,
            wanted -> {
              int[] blocks = new int[1];
              Driver.check(
                  gpu.run(
                      () ->
                          cudart.cuOccupancyMaxActiveBlocksPerMultiprocessor(
                              blocks, function, wanted, sharedBytes)),
                  name,
                  "how many blocks of " + wanted + " threads run at once cannot be found out");
              return blocks[0];
            })
        * gpu.multiprocessors();
  }

  /** Says whether the device has the shared memory that a block of it takes. */
  public boolean fits() {
    return allSharedBytes <= gpu.sharedBytes();
  }

  /** The shared memory of variables whose size its program fixes. */
  private int fixedSharedBytes() {
    int[] bytes = new int[1];
    int attribute = cudart.CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES;
    Driver.check(
        gpu.run(() -> cudart.cuFuncGetAttribute(bytes, attribute, function)),
        name,
        "its shared memory cannot be found out");
    return bytes[0];
  }

  /**
   * Stands for a tensor and its strides, but for the last, which must be 1: a pointer and as many
   * long long less one as the tensor has dimensions.
   */
  public static Strided strided(Tensor tensor) {
    return new Strided(tensor);
  }

  /**
   * Launches it on the current stream of its device, and does not wait.
   *
   * @param arguments in the order of its parameters: tensors (or null for none) for pointers, of
   *     which shapes and strides are the caller's to check, {@link #strided} ones for a pointer and
   *     strides, {@link TensorMap} for one of {@code bulk_copies.cu}, {@code Integer} for int,
   *     {@code Long} for long long, {@code Float} for float, {@code Double} for double
   * @throws KernelException if the driver refuses, with all that it was given
   */
  public synchronized void launch(Grid grid, @Nullable Object... arguments) {
    putAll(arguments);
    int result =
        gpu.run(
            () -> {
              try (CUDAStream stream = torch_cuda.getCurrentCUDAStream((byte) gpu.index())) {
                config.gridDimX((int) grid.x()).gridDimY((int) grid.y()).gridDimZ((int) grid.z());
                config.blockDimX(grid.threads()).hStream(stream.stream());
                return cudart.cuLaunchKernelEx(
                    config, function, addresses, (PointerPointer<?>) null);
              }
            });
    launched(result, grid, arguments);
  }

  /**
   * Adds a launch to a graph that is not instantiated yet. It waits for no other node, and none for
   * it, until edges say so.
   *
   * @param arguments as for {@link #launch}; the graph has their addresses, whatever becomes of
   *     them
   * @return the node
   * @throws KernelException if the driver refuses, with all that it was given
   */
  public synchronized CUgraphNode_st addTo(
      CUgraph_st graph, Grid grid, @Nullable Object... arguments) {
    putAll(arguments);
    CUgraphNode_st node = new CUgraphNode_st();
    try (CUDA_KERNEL_NODE_PARAMS_v2 launch = new CUDA_KERNEL_NODE_PARAMS_v2()) {
      launch.gridDimX((int) grid.x()).gridDimY((int) grid.y()).gridDimZ((int) grid.z());
      launch.blockDimX(grid.threads()).blockDimY(1).blockDimZ(1).sharedMemBytes(sharedBytes);
      launch.func(function).kernelParams(addresses);
      int result =
          gpu.run(() -> cudart.cuGraphAddKernelNode(node, graph, (CUgraphNode_st) null, 0, launch));
      launched(result, grid, arguments);
    }
    return node;
  }

  private void launched(int result, Grid grid, @Nullable Object... arguments) {
    if (result != cudart.CUDA_SUCCESS) {
      Driver.check(
          result,
          name,
          "launched with "
              + grid
              + ", "
              + sharedBytes
              + " bytes of shared memory and "
              + describe(arguments));
    }
    launches.increment();
  }

  private void putAll(@Nullable Object... arguments) {
    int count = 0;
    for (@Nullable Object argument : arguments) {
      if (argument instanceof Strided strided) {
        count = putStrided(count, strided.tensor());
      } else {
        put(count++, argument);
      }
    }
  }

  private int putStrided(int index, Tensor strided) {
    int last = (int) strided.dim() - 1;
    if (strided.stride(last) != 1) {
      throw new IllegalArgumentException(
          name + " needs a last stride of 1, but is given " + describe(strided));
    }
    put(index, strided);
    for (int dim = 0; dim < last; dim++) {
      put(index + 1 + dim, strided.stride(dim));
    }
    return index + 1 + last;
  }

  private void put(int index, @Nullable Object argument) {
    if (index >= MOST_ARGUMENTS) {
      throw new IllegalArgumentException(name + " takes at most " + MOST_ARGUMENTS + " arguments");
    }
    long offset = (long) index * Long.BYTES;
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
    } else if (argument instanceof Double number) {
      values.putDouble(offset, number);
    } else if (argument instanceof TensorMap map) {
      put(index, map);
    } else {
      throw new IllegalArgumentException(
          name + " cannot take a " + argument.getClass().getName() + " for an argument");
    }
  }

  /** A map lies elsewhere than what has 8 bytes; a parameter never changes its kind. */
  private void put(int index, TensorMap map) {
    address(map.tensor());
    if (maps == null) {
      maps = new BytePointer((long) MOST_ARGUMENTS * TensorMap.BYTES + TensorMap.ALIGNMENT);
      maps.retainReference(); // it stays, whatever scope is open
    }
    long begin = Math.floorMod(-maps.address(), TensorMap.ALIGNMENT);
    Pointer own = maps.getPointer(begin + (long) index * TensorMap.BYTES);
    Driver.check(gpu.run(() -> map.encode(own)), name, "it cannot be given " + describe(map));
    addresses.put(index, own);
  }

  private long address(Tensor tensor) {
    if (!tensor.is_cuda() || Gpu.indexOf(tensor) != gpu.index()) {
      throw new IllegalArgumentException(
          name + " runs on cuda:" + gpu.index() + " and is given " + describe(tensor));
    }
    return Tensors.address(tensor);
  }

  private static String describe(@Nullable Object[] arguments) {
    StringJoiner text = new StringJoiner(", ", "(", ")");
    for (@Nullable Object each : arguments) {
      if (each instanceof Tensor tensor) {
        text.add(describe(tensor));
      } else if (each instanceof Strided strided) {
        text.add(describe(strided.tensor()));
      } else if (each instanceof TensorMap map) {
        text.add(describe(map));
      } else {
        text.add(String.valueOf(each));
      }
    }
    return text.toString();
  }

  private static String describe(TensorMap map) {
    return "boxes of " + map.rows() + " rows of " + describe(map.tensor());
  }

  static String describe(Tensor tensor) {
    long[] strides = new long[(int) tensor.dim()];
    Arrays.setAll(strides, i -> tensor.stride(i));
    return Tensors.type(tensor)
        + Arrays.toString(Tensors.sizes(tensor))
        + " of strides "
        + Arrays.toString(strides)
        + " on "
        + tensor.device().str().getString();
  }
}
