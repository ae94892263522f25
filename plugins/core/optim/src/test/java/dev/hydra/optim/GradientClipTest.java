package dev.hydra.optim;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.Handles;
import java.util.Arrays;
import java.util.List;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;

class GradientClipTest {
  private final Tensor a = Tensor.create(new double[] {2, -4}, 2);
  private final Tensor b = Tensor.create(new double[] {5, 6, 12}, 3, 1);

  @Test
  void scalesAllByTheGlobalNorm() {
    try (GradientClip clip = new GradientClip(List.of(a, b), 3)) {
      assertEquals(15, Tensors.number(clip.clip()), 1e-12);
      double scale = 3 / (15 + 1e-6);
      assertArrayEquals(new double[] {2 * scale, -4 * scale}, Tensors.numbers(a), 1e-12);
      assertArrayEquals(new double[] {5 * scale, 6 * scale, 12 * scale}, Tensors.numbers(b), 1e-12);
    }
  }

  @Test
  void leavesASmallNormAlone() {
    try (GradientClip clip = new GradientClip(List.of(a, b), 16)) {
      assertEquals(15, Tensors.number(clip.clip()), 1e-12);
    }
    assertUnchanged();
  }

  @Test
  void anInfiniteMaximumOnlyMeasures() {
    try (GradientClip clip = new GradientClip(List.of(a, b), Double.POSITIVE_INFINITY)) {
      assertEquals(15, Tensors.number(clip.clip()), 1e-12);
    }
    assertUnchanged();
  }

  @Test
  void zerosStayZeros() {
    Tensor zeros = Tensor.create(new float[3], 3);
    try (GradientClip clip = new GradientClip(List.of(zeros), 1)) {
      assertEquals(0, Tensors.number(clip.clip()));
    }
    assertArrayEquals(new double[3], Tensors.numbers(zeros));
  }

  @Test
  void notANumberIsSeenEverywhere() {
    Tensor broken = Tensor.create(new double[] {1, Double.NaN}, 2);
    try (GradientClip clip = new GradientClip(List.of(a, broken), 1)) {
      assertTrue(Double.isNaN(Tensors.number(clip.clip())));
    }
    assertTrue(Arrays.stream(Tensors.numbers(a)).allMatch(Double::isNaN));
  }

  @Test
  void readsTheGradientsOfTheMoment() {
    try (GradientClip clip = new GradientClip(List.of(a, b), 3)) {
      clip.clip();
      a.copy_(Tensor.create(new double[] {0, 40}, 2));
      b.zero_();
      assertEquals(40, Tensors.number(clip.clip()), 1e-12);
    }
  }

  @Test
  void nothingToClipAndNothingToClipToAreRefused() {
    assertThrows(IllegalArgumentException.class, () -> new GradientClip(List.of(), 1));
    assertThrows(IllegalArgumentException.class, () -> new GradientClip(List.of(a), 0));
    assertThrows(IllegalArgumentException.class, () -> new GradientClip(List.of(a), Double.NaN));
  }

  @Test
  void leavesNothingBehind() {
    try (PointerScope scope = new PointerScope();
        GradientClip clip = new GradientClip(List.of(a, b), 3)) {
      Handles.assertFlat(clip::clip);
    }
  }

  private void assertUnchanged() {
    assertArrayEquals(new double[] {2, -4}, Tensors.numbers(a));
    assertArrayEquals(new double[] {5, 6, 12}, Tensors.numbers(b));
  }
}
