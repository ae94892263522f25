package dev.hydra.optim;

import dev.hydra.libtorch.kernels.Kernel;
import dev.hydra.libtorch.kernels.Kernel.Grid;
import dev.hydra.libtorch.kernels.KernelSet;
import dev.hydra.libtorch.kernels.KernelSource;
import dev.hydra.libtorch.kernels.Kernels;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Launches the CUDA kernels of {@link AdamWUpdate}; shapes are the caller's to check. */
final class AdamWKernels {
  /** Elements that a block takes; a multiple of 4. */
  static final int CHUNK = 8192;

  private static final int THREADS = 512;
  private static final int RATE_THREADS = 128;

  private static final KernelSet KERNELS =
      KernelSet.of(program("gradient_norm.cu"), program("adamw_element.cu", "adamw.cu"));
  private static final KernelSet TABLE_KERNELS =
      KernelSet.of(program("adamw_element.cu", "table_rows.cu", "table_adamw.cu"));

  private final Kernel gradientSquares;
  private final Kernel gradientVerdict;
  private final Kernel adamwRates;
  private final Kernel adamwUpdate;
  private final Kernel tableSquares;
  private final Kernel tableUpdate;
  private final Kernel tableUpdateSum;

  /**
   * How parameters are changed.
   *
   * @param verdict 16 bytes, see parameters.cu
   * @param learningRate float32, one number
   * @param rates float32 [parameters, 2]: what {@link #rates} computes
   */
  record Rule(Tensor verdict, Tensor learningRate, AdamW.Constants constants, Tensor rates) {
    /** What a kernel that changes parameters is launched with, after arguments of its own. */
    private Object[] after(Object... own) {
      Stream<Object> rule =
          Stream.of(
              verdict,
              learningRate,
              rates,
              (float) constants.beta1(),
              (float) (1 - constants.beta1()),
              (float) constants.beta2(),
              (float) (1 - constants.beta2()),
              (float) constants.epsilon());
      return Stream.concat(Arrays.stream(own), rule).toArray();
    }
  }

  private AdamWKernels(Kernels kernels, Kernels tables) {
    gradientSquares = kernels.get("gradient_squares");
    gradientVerdict = kernels.get("gradient_verdict");
    adamwRates = kernels.get("adamw_rates");
    adamwUpdate = kernels.get("adamw_update");
    tableSquares = tables.get("table_squares");
    tableUpdate = tables.get("table_update");
    tableUpdateSum = tables.get("table_update_sum");
  }

  private static KernelSource program(String... own) {
    return KernelSource.of(
        AdamWKernels.class,
        Stream.concat(Stream.of("primitives.cu", "vectors.cu", "parameters.cu"), Arrays.stream(own))
            .toArray(String[]::new));
  }

  /** Loads them if they are to be used for parameters like this one. */
  static Optional<AdamWKernels> of(Tensor master) {
    if (Tensors.type(master) != ScalarType.Float) {
      return Optional.empty();
    }
    Optional<Kernels> tables = TABLE_KERNELS.usable(master, Map.of());
    return KERNELS
        .usable(master, Map.of("THREADS", THREADS))
        .flatMap(kernels -> tables.map(more -> new AdamWKernels(kernels, more)));
  }

  /** How many sums of squares {@link #squares(ParameterRecords, Tensor)} leaves. */
  static int sums(ParameterRecords on) {
    return (int) Grid.count(on.chunkCount(), THREADS / 32);
  }

  /**
   * Sums the squares of the gradients, of some chunks each.
   *
   * @param partials float64, at least {@link #sums}
   */
  void squares(ParameterRecords on, Tensor partials) {
    gradientSquares.launch(
        Grid.of(sums(on), THREADS), on.records(), on.chunks(), on.chunkCount(), CHUNK, partials);
  }

  /**
   * Judges the gradient.
   *
   * @param partials float64 [n]: sums of squares
   * @param verdict 16 bytes, see parameters.cu
   */
  void verdict(Tensor partials, double maxNorm, Tensor verdict) {
    gradientVerdict.launch(
        Grid.of(1, THREADS), partials, (int) partials.size(0), 1f, (float) maxNorm, null, verdict);
  }

  /** Counts the steps and computes what they are corrected by: the rule's rates. */
  void rates(ParameterRecords on, Rule rule) {
    adamwRates.launch(
        Grid.of((on.count() + RATE_THREADS - 1) / RATE_THREADS, RATE_THREADS),
        on.records(),
        on.count(),
        rule.verdict(),
        rule.learningRate(),
        rule.constants().beta1(),
        rule.constants().beta2(),
        rule.rates());
  }

  /** Changes parameters that are not tables, their moments and working copies. */
  void update(ParameterRecords on, Rule rule) {
    adamwUpdate.launch(
        Grid.of(on.denseChunkCount(), THREADS), rule.after(on.records(), on.chunks(), CHUNK));
  }

  /** Sums the squares of every row of a table's gradient: partials float64 [entries]. */
  void squares(TableRows rows, Tensor partials) {
    tableSquares.launch(
        rows.grid(),
        rows.sorted(),
        rows.order(),
        rows.values(),
        rows.count(),
        rows.width(),
        partials);
  }

  /**
   * Changes the rows of a table that its sparse gradient holds, and their moments.
   *
   * @param which the number of the table's record
   */
  void update(ParameterRecords on, int which, TableRows rows, Rule rule) {
    tableUpdate.launch(
        rows.grid(),
        rule.after(
            on.records(),
            which,
            rows.sorted(),
            rows.order(),
            rows.values(),
            rows.count(),
            rows.width()));
  }

  /**
   * Changes the rows of a table that were read, and their moments, by the gradient of its record.
   *
   * @param which the number of the table's record
   * @param master [rows, width]
   * @param read bool [rows]
   */
  void update(ParameterRecords on, int which, Tensor master, Tensor read, Rule rule) {
    tableUpdateSum.launch(
        TableRows.grid(master.size(0)),
        rule.after(on.records(), which, read, master.size(0), master.size(1)));
  }
}
