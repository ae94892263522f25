package dev.hydra.libtorch.products;

import dev.hydra.libtorch.products.Choices.Choice;
import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * Finds the fastest algorithm of a product among those that give the bits of LibTorch's own call,
 * so that results do not depend on which of them is chosen. It measures with the matrices at hand.
 */
final class ProductTuner {
  private static final System.Logger LOG = System.getLogger(ProductTuner.class.getName());

  /** Algorithms that are tried: the fastest was among the first eight in all that was measured. */
  private static final int MOST_CANDIDATES = 12;

  /** Those that are timed again, after one turn of all. */
  private static final int FINALISTS = 3;

  private static final int ROUNDS = 5;

  /** What a turn should take, and the runs that it has at most, for products of less time. */
  private static final double TURN_MICROSECONDS = 300;

  private static final int MOST_REPEATS = 10;

  /** Floating point operations in a microsecond, roughly. */
  private static final double SPEED = 6e8;

  /** The part of LibTorch's time that must be saved: less is within what measurements differ by. */
  private static final double GAIN = 0.01;

  /** Rows of a result that are looked at. */
  private static final long SAMPLE_ROWS = 64;

  private final CublasLt lt;
  private final ProductShape shape;
  private final Tensor left;
  private final Tensor right;
  private final Tensor to;

  /** What is written to: {@link #to}, or a copy of it if products are added to what it holds. */
  private final Tensor target;

  private ProductTuner(CublasLt lt, ProductShape shape, Tensor left, Tensor right, Tensor to) {
    this.lt = lt;
    this.shape = shape;
    this.left = left;
    this.right = right;
    this.to = to;
    target = shape.adds() ? to.clone() : to;
  }

  /**
   * Measures, and waits for the device. What the result of the product overwrites is overwritten.
   *
   * @return nothing if these matrices do not tell algorithms apart, as zeros do not
   */
  static Optional<Choice> choose(
      CublasLt lt, ProductShape shape, Tensor left, Tensor right, Tensor to) {
    List<Choice> chosen = new ArrayList<>();
    Scopes.run(
        () -> {
          ProductTuner tuner = new ProductTuner(lt, shape, left, right, to);
          tuner.libtorch();
          if (tells(tuner.target)) {
            chosen.add(tuner.fastest());
          }
        });
    return chosen.stream().findFirst();
  }

  /** Lists the algorithms that give LibTorch's bits. */
  static List<Algorithm> equal(
      CublasLt lt, ProductShape shape, Tensor left, Tensor right, Tensor to) {
    ProductTuner tuner = new ProductTuner(lt, shape, left, right, to);
    tuner.libtorch();
    try (LtProduct product = new LtProduct(lt, shape)) {
      return tuner.equal(product, product.candidates(MOST_CANDIDATES));
    }
  }

  private Choice fastest() {
    long begin = System.nanoTime();
    try (LtProduct product = new LtProduct(lt, shape)) {
      List<Algorithm> candidates = product.candidates(MOST_CANDIDATES);
      List<Algorithm> equal = equal(product, candidates);
      List<Algorithm> finalists = finalists(product, equal);
      double[] times = times(product, finalists, ROUNDS);
      int best =
          IntStream.range(0, times.length)
              .boxed()
              .min(Comparator.comparingDouble(i -> times[i]))
              .orElseThrow();
      boolean gains = times[best] < (1 - GAIN) * times[0];
      Choice choice = gains ? new Choice(Optional.of(finalists.get(best - 1))) : Choice.LIBTORCH;
      log(times[0], gains ? times[best] : times[0], equal.size(), candidates.size(), begin);
      return choice;
    }
  }

  private void log(double before, double now, int equal, int candidates, long begin) {
    LOG.log(
        System.Logger.Level.DEBUG,
        () ->
            String.format(
                Locale.ROOT,
                "product %s: %.1f us, LibTorch %.1f us; %d of %d algorithms have its bits;"
                    + " tuned in %d ms",
                shape,
                now,
                before,
                equal,
                candidates,
                (System.nanoTime() - begin) / 1_000_000));
  }

  /** Those of some algorithms that give the bits that the target holds now. */
  private List<Algorithm> equal(LtProduct product, List<Algorithm> candidates) {
    Tensor expected = sums(target);
    return candidates.stream()
        .filter(
            candidate -> {
              reset();
              product.use(candidate);
              return product.computes(left, right, target) && sums(target).equal(expected);
            })
        .toList();
  }

  private List<Algorithm> finalists(LtProduct product, List<Algorithm> equal) {
    if (equal.size() <= FINALISTS) {
      return equal;
    }
    double[] times = times(product, equal, 1);
    return IntStream.range(0, equal.size())
        .boxed()
        .sorted(Comparator.comparingDouble(i -> times[i + 1]))
        .limit(FINALISTS)
        .map(equal::get)
        .toList();
  }

  /** Microseconds of LibTorch's call, then of algorithms. */
  private double[] times(LtProduct product, List<Algorithm> algorithms, int rounds) {
    List<Runnable> works = new ArrayList<>();
    works.add(() -> multiply(left, right, target, shape.adds()));
    for (Algorithm each : algorithms) {
      works.add(
          () -> {
            product.use(each);
            product.run(left, right, target);
          });
    }
    double guess = shape.flops() / SPEED;
    int repeats = (int) Math.max(1, Math.min(MOST_REPEATS, Math.ceil(TURN_MICROSECONDS / guess)));
    return StreamTimer.microseconds(lt.gpu(), works, repeats, rounds);
  }

  private void libtorch() {
    reset();
    multiply(left, right, target, shape.adds());
  }

  private void reset() {
    if (shape.adds()) {
      target.copy_(to);
    }
  }

  /** Computes {@code to = left right} or {@code to += left right} by LibTorch. */
  static void multiply(Tensor left, Tensor right, Tensor to, boolean adds) {
    if (adds) {
      try (Scalar one = new Scalar(1.0)) {
        to.addmm_(left, right, one, one);
      }
    } else {
      torch.mm_out(to, left, right);
    }
  }

  /**
   * Whether another order of sums would show: most numbers of some rows are not zero, and all are
   * finite.
   */
  private static boolean tells(Tensor result) {
    long step = Math.max(1, result.size(0) / SAMPLE_ROWS);
    Tensor sample = Tensors.every(result, 0, 0, step);
    try (Scalar zero = new Scalar(0.0)) {
      return Tensors.integer(sample.ne(zero).sum()) > sample.numel() / 2
          && !Tensors.any(sample.isfinite().logical_not());
    }
  }

  /**
   * The bits of a result [n, m], added up as integers of 64 bits: by columns, and by rows. Results
   * that differ in a few numbers, or in many, do not have the same sums.
   */
  private static Tensor sums(Tensor result) {
    Tensor bits = result.view(torch.ScalarType.Long);
    return Tensors.cat(0, bits.sum(0L), bits.sum(1L));
  }
}
