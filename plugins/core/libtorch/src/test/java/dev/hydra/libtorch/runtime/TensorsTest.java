package dev.hydra.libtorch.runtime;

import static dev.hydra.testing.Samples.assertClose;
import static dev.hydra.testing.Samples.normal;
import static dev.hydra.testing.Samples.vector;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.testing.InScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@ExtendWith(InScope.class)
class TensorsTest {
  @Test
  void typesAndSizes() {
    Tensor x = torch.ones(2, 3);
    assertSame(ScalarType.Float, Tensors.type(x));
    assertArrayEquals(new long[] {2, 3}, Tensors.sizes(x));
    assertArrayEquals(new long[0], Tensors.sizes(x.sum()));
    assertSame(x, Tensors.cast(x, ScalarType.Float));
    assertSame(ScalarType.Half, Tensors.type(Tensors.cast(x, ScalarType.Half)));
  }

  @ParameterizedTest
  @CsvSource({"BFloat16, Float", "Half, Float", "Float, Float", "Double, Double"})
  void upcast(ScalarType from, ScalarType to) {
    assertSame(to, Tensors.type(Tensors.upcast(torch.ones(2).to(from))));
  }

  @Test
  void scalars() {
    Tensor x = vector(1, -2, 3);
    assertClose(vector(2.5, -5, 7.5), Tensors.mul(x, 2.5));
    assertClose(vector(3.5, 0.5, 5.5), Tensors.add(x, 2.5));
    Tensor triple = Tensors.mul(Tensors.range(1, 3, x), 3);
    assertSame(ScalarType.Long, Tensors.type(triple));
    assertArrayEquals(new long[] {3, 6}, Tensors.integers(triple));
    assertClose(vector(1, 9, 3), Tensors.maskedFill(x, x.lt(Tensors.zeros(x, 3)), 9));
  }

  @Test
  void partsAreViews() {
    Tensor x = vector(0, 1, 2, 3, 4, 5, 6);
    assertClose(vector(2, 3), Tensors.slice(x, 0, 2, 4));
    Tensor odd = Tensors.every(x, 0, 1, 2);
    assertClose(vector(1, 3, 5), odd);
    odd.zero_();
    assertClose(vector(0, 0, 2, 0, 4, 0, 6), x);
  }

  @Test
  void joining() {
    Tensor a = vector(1, 2);
    Tensor b = vector(3, 4);
    assertClose(vector(1, 2, 3, 4), Tensors.cat(0, a, b));
    assertClose(vector(1, 3, 2, 4).view(2, 2), Tensors.stack(1, a, b));
  }

  @Test
  void padding() {
    Tensor x = vector(1, 2, 3, 4).view(2, 2);
    assertClose(vector(0, 0, 1, 2, 3, 4).view(3, 2), Tensors.pad(x, 0, 1, 0));
    assertClose(vector(0, 1, 2, 0, 0, 0, 3, 4, 0, 0).view(2, 5), Tensors.pad(x, 1, 1, 2));
  }

  @Test
  void linear() {
    Tensor x = normal(2, 3, 4);
    Tensor weight = normal(5, 4);
    Tensor bias = normal(5);
    Tensor product = x.matmul(weight.t());
    assertClose(product, Tensors.linear(x, weight));
    assertClose(product.add(bias), Tensors.linear(x, weight, bias));
  }

  @Test
  void rmsNorm() {
    double epsilon = 1e-2;
    double rms = Math.sqrt((9 + 16) / 2.0 + epsilon);
    assertClose(
        vector(3 / rms * 2, 4 / rms * 10), Tensors.rmsNorm(vector(3, 4), vector(2, 10), epsilon));
    assertClose(vector(3 / rms, 4 / rms), Tensors.rmsNorm(vector(3, 4), epsilon));
  }

  @Test
  void creation() {
    Tensor like = torch.ones(2).to(ScalarType.BFloat16);
    assertSame(ScalarType.BFloat16, Tensors.type(Tensors.zeros(like, 2, 3)));
    assertSame(ScalarType.Long, Tensors.type(Tensors.zeros(like, ScalarType.Long, 2)));
    assertArrayEquals(new long[] {2, 3, 4}, Tensors.integers(Tensors.range(2, 5, like)));
    assertSame(ScalarType.Long, Tensors.type(Tensors.range(2, 5, like)));
  }

  @Test
  void toTheHeap() {
    Tensor x = vector(1, 2, 3, 4).view(2, 2);
    assertEquals(10, Tensors.number(x.sum().to(ScalarType.BFloat16)));
    assertArrayEquals(new double[] {1, 3, 2, 4}, Tensors.numbers(x.t()));
    assertArrayEquals(new double[0], Tensors.numbers(torch.empty(0)));
    assertArrayEquals(new long[] {1, 3, 2, 4}, Tensors.integers(x.t()));
    assertArrayEquals(new long[0], Tensors.integers(torch.empty(0)));
    assertTrue(Tensors.any(x.eq(Tensors.add(Tensors.zeros(x, 2, 2), 4))));
    assertFalse(Tensors.any(x.lt(Tensors.zeros(x, 2, 2))));
  }
}
