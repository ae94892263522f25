package dev.hydra.libtorch.runtime;

import dev.hydra.libtorch.runtime.Rounding.Integers;
import org.bytedeco.cuda.cudart.cudaDeviceProp;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch_cuda;

/** Integers that weights of linear maps are rounded to, and by which LibTorch multiplies. */
public enum WeightFormat {
  /** -127 to 127 with a scale for each output row, on the CPU. */
  INT8(-127, 127, 8, 16, 0.5) {
    @Override
    public void check(Device device) {
      if (!device.is_cpu()) {
        throw new IllegalArgumentException(
            "int8 weights are for the CPU: LibTorch's product by them on CUDA takes one thread for"
                + " each result, which is slower than bfloat16; decode without quantization there");
      }
    }

    @Override
    long group(Tensor weights) {
      return weights.size(-1);
    }

    @Override
    WeightCopies.Copy copy(Rounding rounded) {
      return Int8Copy.of(rounded);
    }
  },

  /**
   * -8 to 7 with a scale for each 32 weights of a row, on the CPU and on CUDA. The odd integers
   * have 3 bits and the scale 5, so that their product is a bfloat16: the copy and the matrix are
   * the same numbers.
   */
  INT4(-8, 7, 5, 32, 5.0 / 16) {
    @Override
    public void check(Device device) {
      if (device.is_cuda() && major(device) < Int4Copy.OLDEST) {
        throw new IllegalArgumentException(
            "LibTorch multiplies by int4 weights on CUDA from compute capability "
                + Int4Copy.OLDEST
                + ".0 on, and this device is older; decode without quantization there");
      }
    }

    @Override
    long group(Tensor weights) {
      return Int4Copy.GROUP;
    }

    @Override
    WeightCopies.Copy copy(Rounding rounded) {
      return Int4Copy.of(rounded);
    }
  };

  private final int least;
  private final int most;
  private final int scaleBits;
  private final long inputs;
  private final double share;

  /**
   * Describes a format.
   *
   * @param least the smallest integer
   * @param most the largest
   * @param scaleBits the significant bits of a scale
   * @param inputs what the columns of a matrix must be a multiple of
   * @param share the memory of a copy, of that of the weights in bfloat16
   */
  WeightFormat(int least, int most, int scaleBits, long inputs, double share) {
    this.least = least;
    this.most = most;
    this.scaleBits = scaleBits;
    this.inputs = inputs;
    this.share = share;
  }

  private static int major(Device device) {
    byte index = device.has_index() ? device.index() : torch_cuda.current_device();
    try (cudaDeviceProp properties = torch_cuda.getDeviceProperties(index)) {
      return properties.major();
    }
  }

  /**
   * Checks that a device multiplies by such weights.
   *
   * @throws IllegalArgumentException if it does not, or slower than in bfloat16
   */
  public abstract void check(Device device);

  /** Returns the memory of copies, scales included, of weights that have so much in bfloat16. */
  public long copyBytes(long bytes) {
    return (long) Math.ceil(bytes * share);
  }

  /** How many weights of a row share a scale. */
  abstract long group(Tensor weights);

  /** Says whether LibTorch's product takes matrices of such a shape. */
  boolean fits(Tensor weights) {
    return weights.size(-1) % inputs == 0;
  }

  /** Rounds weights [..., in] in place, see {@link Rounding#of}. */
  Rounding round(Tensor weights) {
    return Rounding.of(weights, group(weights), new Integers(least, most, scaleBits));
  }

  /** Makes the copy of a matrix that was rounded. */
  abstract WeightCopies.Copy copy(Rounding rounded);
}
