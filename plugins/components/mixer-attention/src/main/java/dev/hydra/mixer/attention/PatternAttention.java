package dev.hydra.mixer.attention;

import static dev.hydra.libtorch.kernels.Kernel.strided;

import dev.hydra.libtorch.autograd.CustomFunction;
import dev.hydra.libtorch.kernels.Kernel.Grid;
import dev.hydra.libtorch.kernels.KernelSet;
import dev.hydra.libtorch.kernels.KernelSource;
import dev.hydra.libtorch.kernels.Kernels;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/**
 * All that a {@link SparsePattern} grants, window and globals in one pass, by the kernels of {@code
 * pattern_attention.cu} and {@code pattern_attention_backward.cu}: for heads of any multiple of 8
 * channels up to 256, in bfloat16 and, as products of pairs of bfloat16, in float32, with packed
 * documents or without. {@link WindowKernels} and {@link StridedKernels} are faster for what they
 * take. Sums have a fixed order, so that gradients have the same bits each time.
 *
 * @param kernels they
 * @param scale factor of the scores
 * @param pattern what is seen; with globals only if some token sees one
 */
record PatternAttention(Kernels kernels, float scale, SparsePattern pattern)
    implements LocalAttention {
  private static final KernelSet KERNELS =
      KernelSet.of(
          source("pattern_attention.cu"),
          source("pattern_attention_backward.cu"),
          StridedSums.SOURCE);

  private static final int HEAD_STEP = 8;
  private static final int LARGEST_HEAD = 256;
  private static final int THREADS = 128;

  /** Of a head, the channels whose gradients of keys and values a block has. */
  private static final int SLICE = 128;

  private static KernelSource source(String file) {
    return KernelSource.of(
        PatternAttention.class,
        "primitives.cu",
        "dependent_launch.cu",
        "tensor_cores.cu",
        "tiles.cu",
        "strided_keys.cu",
        "pattern_tiles.cu",
        file);
  }

  /**
   * Gives the kernels if they can do what is asked, and are to be used.
   *
   * @param x the whole sequence: kernels do not go on from keys of tokens before the queries
   */
  static Optional<PatternAttention> of(DenseAttention attention, SparsePattern pattern, Qkv x) {
    Tensor q = x.q();
    ScalarType type = Tensors.type(q);
    long headDim = q.size(3);
    if (!q.is_cuda()
        || CustomFunction.isInlined()
        || attention.softCap().isPresent()
        || (type != ScalarType.BFloat16 && type != ScalarType.Float)
        || headDim % HEAD_STEP != 0
        || headDim > LARGEST_HEAD
        || x.time() != x.keys()
        || q.size(0) > Grid.MOST_ROWS
        || q.size(2) > Grid.MOST_ROWS) {
      return Optional.empty();
    }
    int single = type == ScalarType.Float ? 1 : 0;
    return KERNELS
        .usable(q, Map.of("HEAD_DIM", (int) headDim, "IN_FP32", single, "ELEMENT_BF16", 1 - single))
        .filter(
            found ->
                Stream.of("attention", "backward_queries", "backward_near", "backward_far")
                    .allMatch(name -> found.get("pattern_" + name).fits()))
        .map(found -> new PatternAttention(found, (float) attention.scale(), pattern));
  }

  @Override
  public Partial forward(Qkv given, Optional<Tensor> starts) {
    Qkv x = given.readable();
    Tensor out = Tensors.empty(x.q(), Tensors.type(x.q()), Tensors.sizes(x.q()));
    Tensor lse = x.perQuery(x.time());
    launch(
        "pattern_attention",
        over(x.q(), 1),
        strided(x.q()),
        strided(x.k()),
        strided(x.v()),
        perToken(x, starts),
        out,
        lse,
        (int) x.time(),
        (int) x.q().size(2),
        x.shared(),
        inSight(x),
        pattern.every(),
        pattern.globals(),
        scale);
    return new Partial(out, lse);
  }

  @Override
  public Qkv backward(Qkv given, Optional<Tensor> documents, Upstream upstream) {
    Qkv x = given.readable();
    Tensor gradient = StridedKernels.fit(upstream.gradient());
    Tensor lse = upstream.lse().contiguous();
    @Nullable Tensor starts = perToken(x, documents);
    Tensor change = x.perQuery(x.time());
    Qkv gradients = x.room();
    launch(
        "pattern_backward_queries",
        over(x.q(), 1),
        strided(x.q()),
        strided(x.k()),
        strided(x.v()),
        starts,
        upstream.out().contiguous(),
        strided(gradient),
        lse,
        gradients.q(),
        change,
        (int) x.time(),
        (int) x.q().size(2),
        x.shared(),
        inSight(x),
        pattern.every(),
        pattern.globals(),
        scale);
    launch(
        "pattern_backward_near",
        over(x.k(), slices(x)),
        strided(x.q()),
        strided(x.k()),
        strided(x.v()),
        starts,
        strided(gradient),
        lse,
        change,
        gradients.k(),
        gradients.v(),
        (int) x.time(),
        (int) x.q().size(2),
        x.shared(),
        inSight(x),
        scale);
    if (pattern.hasGlobals()) {
      addFar(x, starts, gradient, lse, change, gradients);
    }
    return gradients;
  }

  /** Adds the gradients of strided keys and their values. */
  private void addFar(
      Qkv x, @Nullable Tensor starts, Tensor gradient, Tensor lse, Tensor change, Qkv gradients) {
    long heads = x.q().size(2);
    StridedSums sums = StridedSums.of(pattern, x, starts != null);
    StridedTasks tasks = sums.tasks();
    launch(
        "pattern_backward_far",
        new Grid(tasks.count() * slices(x), heads, x.q().size(0), THREADS),
        strided(x.q()),
        strided(x.k()),
        strided(x.v()),
        starts,
        strided(gradient),
        lse,
        change,
        sums.partials(),
        (int) x.time(),
        (int) heads,
        x.shared(),
        pattern.window(),
        pattern.every(),
        pattern.globals(),
        scale,
        tasks.firsts(),
        tasks.ofFirst(),
        tasks.ofOther(),
        tasks.span());
    sums.addTo(kernels, x, starts, gradients);
  }

  private void launch(String kernel, Grid grid, @Nullable Object... arguments) {
    kernels.get(kernel).launch(grid, arguments);
  }

  /** A block, or one for each slice of a head, for each tile of rows. */
  private static Grid over(Tensor heads, long slices) {
    long tiles = Grid.count(heads.size(1), StridedKernels.TILE);
    return new Grid(tiles * slices, heads.size(2), heads.size(0), THREADS);
  }

  private static long slices(Qkv x) {
    return Grid.count(x.q().size(3), SLICE);
  }

  private static @Nullable Tensor perToken(Qkv x, Optional<Tensor> starts) {
    return starts.map(each -> StridedKernels.perToken(each, x.q())).orElse(null);
  }

  /** The window, or the sequence if that is shorter. */
  private int inSight(Qkv x) {
    return (int) Math.min(pattern.window(), x.time());
  }
}
