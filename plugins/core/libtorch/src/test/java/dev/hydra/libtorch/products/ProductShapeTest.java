package dev.hydra.libtorch.products;

import static org.assertj.core.api.Assertions.assertThat;

import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** What cuBLAS is asked for; no number of the matrices is looked at, so they need no device. */
@ExtendWith(InScope.class)
class ProductShapeTest {
  private static final long ROWS = 2051;
  private static final long IN = 1024;
  private static final long OUT = 4096;

  private final Tensor like = torch.empty(new long[] {1});

  private Tensor matrix(long rows, long columns) {
    return Tensors.empty(like, ScalarType.BFloat16, rows, columns);
  }

  private static ProductShape shape(Tensor left, Tensor right, Tensor to, boolean adds) {
    return ProductShape.of(left, right, to, adds).orElseThrow();
  }

  @Test
  void theProductsOfALinearMapAreWhatLibTorchAsksFor() {
    Tensor rows = matrix(ROWS, IN);
    Tensor weight = matrix(OUT, IN);
    Tensor arrived = matrix(ROWS, OUT);
    ProductShape forward = shape(rows, weight.t(), arrived, false);
    int alignment = forward.alignment();
    assertThat(forward)
        .isEqualTo(new ProductShape(OUT, ROWS, IN, true, false, IN, IN, OUT, false, alignment));
    assertThat(shape(arrived, weight, rows, true))
        .isEqualTo(new ProductShape(IN, ROWS, OUT, false, false, IN, OUT, IN, true, alignment));
    assertThat(shape(arrived.t(), rows, weight, false))
        .isEqualTo(new ProductShape(IN, OUT, ROWS, false, true, IN, OUT, IN, false, alignment));
  }

  @Test
  void rowsMayBePartsOfLongerOnes() {
    Tensor arrived = Tensors.slice(matrix(ROWS, OUT + 64), 1, 16, OUT + 16);
    ProductShape shape = shape(arrived, matrix(OUT, IN), matrix(ROWS, IN), false);
    assertThat(shape.ldb()).isEqualTo(OUT + 64);
    assertThat(shape.alignment()).isEqualTo(ProductShape.LEAST);
  }

  @Test
  void othersAreLeftToLibTorch() {
    Tensor rows = matrix(ROWS, IN);
    Tensor weight = matrix(OUT, IN);
    Tensor to = matrix(ROWS, OUT);
    assertThat(ProductShape.of(rows, weight.t(), to, false)).isPresent();
    assertRefused("little work", matrix(8, IN), weight.t(), matrix(8, OUT));
    assertRefused("float32", rows.to(ScalarType.Float), weight.t(), to);
    assertRefused("three dimensions", rows.unsqueeze(0), weight.t(), to);
    assertRefused("sizes that do not fit", rows, weight, to);
    assertRefused("odd columns", rows, matrix(OUT + 1, IN).t(), matrix(ROWS, OUT + 1));
    assertRefused("odd rows", matrix(ROWS, IN + 4), matrix(OUT, IN + 4).t(), to);
    assertRefused(
        "rows that begin anywhere",
        Tensors.slice(matrix(ROWS, IN + 8), 1, 1, IN + 1),
        weight.t(),
        to);
    assertRefused("every second number", rows, Tensors.every(matrix(OUT, 2 * IN), 1, 0, 2).t(), to);
    assertRefused("one row for all", matrix(1, IN).expand(ROWS, IN), weight.t(), to);
    assertRefused(
        "a result in columns", rows, weight.t(), matrix(OUT, ROWS + 5).t().narrow(0, 0, ROWS));
  }

  private static void assertRefused(String what, Tensor left, Tensor right, Tensor to) {
    assertThat(ProductShape.of(left, right, to, false)).as(what).isEqualTo(Optional.empty());
  }
}
