package dev.hydra.libtorch.products;

import dev.hydra.libtorch.io.UserCache;
import dev.hydra.libtorch.kernels.Gpu;
import dev.hydra.libtorch.products.Choices.Choice;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch_cuda;
import org.jspecify.annotations.Nullable;

/**
 * The products of a device for which an algorithm is chosen. Each is measured when it is first
 * computed, unless that is captured, and the choice is kept on disk.
 */
final class TunedProducts {
  /**
   * Shapes that are looked up and measured in a process. Where shapes vary all the time, the rest
   * is LibTorch's, so that what measuring costs has an end.
   */
  static final int MOST_SHAPES = 96;

  /** How often a shape is tried in vain, as its matrices do not tell algorithms apart. */
  private static final int MOST_VAIN = 64;

  private static final int NOT_CAPTURED = 0;

  private static final Map<Integer, TunedProducts> KNOWN = new ConcurrentHashMap<>();

  private final CublasLt lt;
  private final Choices choices;
  private final Map<ProductShape, Ready> ready = new ConcurrentHashMap<>();
  private final Map<ProductShape, Integer> vain = new HashMap<>();

  /** What computes products of a shape: cublasLt, or LibTorch. */
  private record Ready(@Nullable LtProduct product) {}

  private static final Ready LIBTORCH = new Ready(null);

  TunedProducts(CublasLt lt, UserCache files) {
    this.lt = lt;
    choices = new Choices(files, lt.platform());
  }

  /**
   * Those of a device.
   *
   * @throws CublasException if cublasLt cannot be set up there
   */
  static TunedProducts on(Gpu gpu) {
    return KNOWN.computeIfAbsent(
        gpu.index(), index -> new TunedProducts(CublasLt.on(gpu), UserCache.ofKernels()));
  }

  /**
   * Multiplies, if there is an algorithm that is faster than LibTorch's.
   *
   * @return whether it has
   * @throws CublasException if cublasLt fails
   */
  boolean multiply(ProductShape shape, Tensor left, Tensor right, Tensor to) {
    Ready known = ready.get(shape);
    LtProduct product = (known == null ? prepare(shape, left, right, to) : known).product();
    if (product == null) {
      return false;
    }
    product.run(left, right, to);
    return true;
  }

  private synchronized Ready prepare(ProductShape shape, Tensor left, Tensor right, Tensor to) {
    Ready known = ready.get(shape);
    if (known != null) {
      return known;
    }
    if (ready.size() >= MOST_SHAPES || isCaptured()) {
      return LIBTORCH;
    }
    Optional<Choice> choice = choices.read(shape);
    if (choice.isEmpty()) {
      choice = ProductTuner.choose(lt, shape, left, right, to);
      choice.ifPresent(chosen -> choices.write(shape, chosen));
    }
    if (choice.isEmpty() && vain.merge(shape, 1, Integer::sum) < MOST_VAIN) {
      return LIBTORCH;
    }
    vain.remove(shape);
    Ready found = ready(shape, choice.orElse(Choice.LIBTORCH));
    ready.put(shape, found);
    return found;
  }

  private Ready ready(ProductShape shape, Choice choice) {
    if (choice.algorithm().isEmpty()) {
      return LIBTORCH;
    }
    LtProduct product = new LtProduct(lt, shape);
    product.use(choice.algorithm().get());
    return new Ready(product);
  }

  private boolean isCaptured() {
    return lt.gpu().run(torch_cuda::currentStreamCaptureStatusMayInitCtx) != NOT_CAPTURED;
  }

  /** Returns how many shapes it knows. */
  int shapes() {
    return ready.size();
  }
}
