package dev.hydra.libtorch.runtime;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.hydra.testing.Handles;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PackedWeightsTest extends WeightCopiesFixture {
  private static final double BOUND = 1e-2;

  @BeforeEach
  void isThereAtAll() {
    assumeTrue(ComputeType.cpuHasBf16(), "elsewhere nothing is copied");
  }

  private static double distance(Tensor found, Tensor expected) {
    assertArrayEquals(Tensors.sizes(expected), Tensors.sizes(found));
    double most = Tensors.number(expected.abs().max());
    return Tensors.number(found.sub(expected).abs().max()) / most;
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3, 40})
  void productsAreThoseOfTheMatrices(int rows) {
    Tensor x = random(rows, 1, 136);
    Tensor weight = random(200, 136);
    Tensor bias = random(200);
    Tensor plain = Tensors.linear(x, weight);
    Tensor biased = Tensors.linear(x, weight, bias);
    try (PackedWeights packed = new PackedWeights(List.of(weight));
        WeightCopies.Use use = packed.use()) {
      assertTrue(WeightCopies.product(x, weight, null).isPresent());
      assertTrue(distance(Tensors.linear(x, weight), plain) < BOUND);
      assertTrue(distance(Tensors.linear(x, weight, bias), biased) < BOUND);
    }
  }

  @Test
  void soAreThoseOfStacks() {
    Tensor x = random(1, 128);
    Tensor stack = random(3, 144, 128);
    try (PackedWeights packed = new PackedWeights(List.of(stack));
        WeightCopies.Use use = packed.use()) {
      for (int i = 0; i < 3; i++) {
        Tensor found = WeightCopies.stack(stack).orElseThrow().product(x, i);
        assertTrue(distance(found, torch.linear(x, stack.select(0, i))) < BOUND);
      }
    }
  }

  @Test
  void matricesOfTheSameInputsAreMultipliedTogether() {
    Tensor first = random(200, 136);
    Tensor second = random(144, 136);
    List<Tensor> biases = List.of(random(200), random(144));
    List<Tensor> both = List.of(first, second);
    Tensor x = random(3, 136);
    Tensor plain = Tensors.cat(1, torch.linear(x, first), torch.linear(x, second));
    assertFalse(WeightCopies.joint(x, both, List.of()).isPresent());
    try (PackedWeights packed = new PackedWeights(both);
        WeightCopies.Use use = packed.use()) {
      for (int i = 0; i < 2; i++) {
        Tensor found = WeightCopies.joint(x, both, List.of()).orElseThrow();
        assertTrue(distance(found, plain) < BOUND);
      }
      Tensor biased = plain.add(Tensors.cat(0, biases.toArray(Tensor[]::new)));
      assertTrue(distance(WeightCopies.joint(x, both, biases).orElseThrow(), biased) < BOUND);
      List<Tensor> others = List.of(first, second.clone());
      assertFalse(WeightCopies.joint(x, others, List.of()).isPresent());
      assertFalse(WeightCopies.joint(x, List.of(first), List.of()).isPresent());
    }
  }

  /** Of another matrix there is no copy, nor of one with few numbers, nor where none are used. */
  @Test
  void othersAreMultipliedAsEver() {
    Tensor x = random(1, 128);
    Tensor weight = random(144, 128);
    Tensor small = random(2, 128);
    Tensor wide = weight.to(ScalarType.Float);
    try (PackedWeights packed = new PackedWeights(List.of(weight, small, wide))) {
      try (WeightCopies.Use use = packed.use()) {
        assertFalse(WeightCopies.product(x, weight.clone(), null).isPresent());
        assertFalse(WeightCopies.product(x, small, null).isPresent());
        assertFalse(WeightCopies.product(x.to(ScalarType.Float), wide, null).isPresent());
      }
      assertFalse(WeightCopies.product(x, weight, null).isPresent());
    }
  }

  @Test
  void nothingIsLeftOfThem() {
    Tensor weight = random(144, 128);
    Tensor x = random(1, 128);
    Handles.assertFlat(50, () -> multiply(x, weight));
  }

  private static void multiply(Tensor x, Tensor weight) {
    try (PackedWeights packed = new PackedWeights(List.of(weight));
        WeightCopies.Use use = packed.use()) {
      Tensors.linear(x, weight);
      WeightCopies.joint(x, List.of(weight, weight), List.of());
    }
  }
}
