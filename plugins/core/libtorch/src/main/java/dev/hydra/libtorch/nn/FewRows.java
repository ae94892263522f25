package dev.hydra.libtorch.nn;

import dev.hydra.libtorch.kernels.Kernel.Grid;
import dev.hydra.libtorch.kernels.KernelSet;
import dev.hydra.libtorch.kernels.KernelSource;
import dev.hydra.libtorch.kernels.Kernels;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.libtorch.runtime.WeightCopies;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.bytedeco.pytorch.GradMode;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/**
 * Linear maps of a few rows in bfloat16, where no gradient is recorded, by a CUDA kernel that reads
 * the weights of up to three in one go: {@code few_rows.cu}. Its twin is {@link Linear}'s plain
 * path. A row's results do not depend on how many there are, nor on what maps go together.
 *
 * @param kernels its kernel
 * @param warps of a block
 */
record FewRows(Kernels kernels, int warps) {
  private static final KernelSet KERNELS =
      KernelSet.of(
          KernelSource.of(
              FewRows.class,
              "primitives.cu",
              "dependent_launch.cu",
              "vectors.cu",
              "tensor_cores.cu",
              "few_rows_sums.cu",
              "few_rows.cu"));

  /**
   * The most maps, the most rows, outputs of a block, and a lane's elements, as the program says.
   */
  private static final int MOST_MAPS = 3;

  private static final int MOST_ROWS = 8;
  private static final int OUTPUTS = 16;
  private static final int VECTOR = 8;

  private static final int WARP = 32;
  private static final int WARPS = 8;

  /**
   * From so many inputs on a block has twice the warps, to have more of its long rows under way.
   */
  private static final long LONG = 4096;

  private static final long LONGEST = 1 << 24;

  /** Chooses: gives the kernel for maps of x [..., in], if it is to be used for them. */
  static Optional<FewRows> of(Tensor x, Linear... maps) {
    return warps(x, maps)
        .flatMap(
            warps ->
                KERNELS.usable(x, Map.of("WARPS", warps)).map(found -> new FewRows(found, warps)));
  }

  /**
   * Chooses: gives the warps of a block of {@code few_rows_sums.cu} for maps of x [..., in], if
   * such kernels are to be used for them.
   */
  static Optional<Integer> warps(Tensor x, Linear... maps) {
    if (GradMode.is_enabled() || !Rows.wanted(x)) {
      return Optional.empty();
    }
    long in = x.size(-1);
    long rows = x.numel() / Math.max(1, in);
    if (maps.length > MOST_MAPS
        || rows < 1
        || rows > MOST_ROWS
        || in % VECTOR != 0
        || in > LONGEST
        || Tensors.type(x) != ScalarType.BFloat16
        || !Arrays.stream(maps).allMatch(map -> isTaken(map, x))) {
      return Optional.empty();
    }
    return Optional.of(in < LONG ? WARPS : 2 * WARPS);
  }

  private static boolean isTaken(Linear map, Tensor x) {
    Tensor weight = map.weight();
    return weight.is_cuda()
        && Tensors.type(weight) == ScalarType.BFloat16
        && weight.dim() == 2
        && weight.size(0) > 0
        && weight.size(0) <= LONGEST
        && weight.size(1) == x.size(-1)
        && weight.is_contiguous()
        && VectorSize.fits(VECTOR, weight)
        && map.bias()
            .map(b -> Tensors.type(b) == ScalarType.BFloat16 && b.is_contiguous())
            .orElse(true)
        && !WeightCopies.isTaken(x, weight);
  }

  /**
   * Computes, for what it was chosen for, x [..., in] times each weight, plus its bias.
   *
   * @param padding zeros behind the results of each
   * @return of each map [..., out + padding]
   */
  Tensor[] compute(Tensor x, long padding, Linear... maps) {
    Tensor rows = rows(x);
    List<@Nullable Object> arguments = new ArrayList<>();
    arguments.add(rows);
    arguments.add(rows.stride(0));
    arguments.add((int) rows.size(0));
    arguments.add((int) rows.size(1));
    Tensor[] results = new Tensor[maps.length];
    long blocks = 0;
    for (int i = 0; i < MOST_MAPS; i++) {
      if (i >= maps.length) {
        arguments.addAll(Arrays.asList(null, null, null, 0, 0));
        continue;
      }
      long out = maps[i].weight().size(0);
      results[i] = result(x, out + padding);
      blocks += (out + padding + OUTPUTS - 1) / OUTPUTS;
      arguments.add(maps[i].weight());
      arguments.add(maps[i].bias().orElse(null));
      arguments.add(results[i]);
      arguments.add((int) out);
      arguments.add((int) (out + padding));
    }
    kernels.get("few_rows").launch(grid(blocks, warps), arguments.toArray());
    return results;
  }

  /** The rows of x as kernels read them. */
  static Tensor rows(Tensor x) {
    return Rows.fit(VECTOR, x);
  }

  /** A result of so many columns for the rows of x. */
  static Tensor result(Tensor x, long columns) {
    long[] sizes = Tensors.sizes(x);
    sizes[sizes.length - 1] = columns;
    return Tensors.empty(x, ScalarType.BFloat16, sizes);
  }

  /** So many blocks of so many warps. */
  static Grid grid(long blocks, int warps) {
    return Grid.of(blocks, warps * WARP);
  }
}
