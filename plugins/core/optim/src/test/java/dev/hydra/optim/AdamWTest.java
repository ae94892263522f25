package dev.hydra.optim;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.Handles;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class AdamWTest {
  private static final AdamW.Constants CONSTANTS = new AdamW.Constants(0.9, 0.95, 1e-8, 0.1);

  /** A step's rate, as exact in float32 as in float64. */
  private static double rate(int step) {
    return (1 + step % 5) / 256.0;
  }

  @ParameterizedTest
  @CsvSource({"Double, 1e-12", "Float, 2e-6"})
  void agreesWithTheAlgorithmOverFiftySteps(ScalarType type, double tolerance) {
    Random random = new Random(1);
    List<OptimizedParameter> parameters = parameters(type);
    List<ReferenceAdamW> references =
        parameters.stream()
            .map(p -> new ReferenceAdamW(CONSTANTS, p.decay(), Tensors.numbers(p.master())))
            .toList();
    try (AdamW optimizer = new AdamW(parameters, CONSTANTS, Map.of())) {
      for (int step = 0; step < 50; step++) {
        fillGradients(parameters, random);
        for (int i = 0; i < parameters.size(); i++) {
          references.get(i).step(Tensors.numbers(parameters.get(i).gradient()), rate(step));
        }
        optimizer.step(rate(step));
      }
    }
    for (int i = 0; i < parameters.size(); i++) {
      assertArrayEquals(
          references.get(i).value(), Tensors.numbers(parameters.get(i).master()), tolerance);
    }
  }

  @Test
  void withoutALearningRateNothingMoves() {
    List<OptimizedParameter> parameters = parameters(ScalarType.Float);
    double[] before = Tensors.numbers(parameters.get(0).master());
    try (AdamW optimizer = new AdamW(parameters, CONSTANTS, Map.of())) {
      fillGradients(parameters, new Random(1));
      optimizer.step();
    }
    assertArrayEquals(before, Tensors.numbers(parameters.get(0).master()));
  }

  @Test
  void aRestoredOptimizerContinuesBitForBit() {
    List<OptimizedParameter> whole = parameters(ScalarType.Float);
    List<OptimizedParameter> resumed = parameters(ScalarType.Float);
    Map<String, Tensor> saved = new HashMap<>();
    try (AdamW optimizer = new AdamW(whole, CONSTANTS, Map.of())) {
      run(optimizer, whole, 0, 10);
      optimizer.exportState().forEach((name, tensor) -> saved.put(name, tensor.clone()));
      for (int i = 0; i < whole.size(); i++) {
        resumed.get(i).master().copy_(whole.get(i).master());
      }
      run(optimizer, whole, 10, 20);
      try (AdamW other = new AdamW(resumed, CONSTANTS, Map.of())) {
        other.importState(saved);
        run(other, resumed, 10, 20);
        other
            .exportState()
            .forEach((name, t) -> assertTrue(t.equal(optimizer.exportState().get(name)), name));
      }
    }
    for (int i = 0; i < whole.size(); i++) {
      assertTrue(whole.get(i).master().equal(resumed.get(i).master()));
    }
  }

  @Test
  void theStateIsNamedAfterTheParametersAndInTheirOrder() {
    try (AdamW optimizer = new AdamW(parameters(ScalarType.Float), CONSTANTS, Map.of())) {
      assertEquals(
          Stream.of("w", "bias", "v")
              .flatMap(name -> Stream.of("step", "exp_avg", "exp_avg_sq").map(t -> name + "." + t))
              .toList(),
          List.copyOf(optimizer.exportState().keySet()));
    }
  }

  @Test
  void aStateThatDoesNotFitIsRefusedAndChangesNothing() {
    List<OptimizedParameter> parameters = parameters(ScalarType.Float);
    try (AdamW optimizer = new AdamW(parameters, CONSTANTS, Map.of())) {
      Map<String, Tensor> good = new HashMap<>();
      optimizer.exportState().forEach((name, tensor) -> good.put(name, Tensors.add(tensor, 1)));
      Map<String, Tensor> lacking = new HashMap<>(good);
      lacking.remove("v.exp_avg_sq");
      assertRefused(optimizer, lacking, "the saved optimizer state lacks v.exp_avg_sq");
      Map<String, Tensor> more = new HashMap<>(good);
      more.put("u.exp_avg", Tensor.create(new float[1], 1));
      assertRefused(optimizer, more, "there is no optimizer state u.exp_avg");
      Map<String, Tensor> misshapen = new HashMap<>(good);
      misshapen.put("v.exp_avg", Tensor.create(new float[4], 4));
      assertRefused(
          optimizer,
          misshapen,
          "the saved optimizer state v.exp_avg is Float[4], but must be Float[2, 2]");
    }
  }

  @Test
  void gradientsThatAreNotFiniteAreLeftVisible() {
    List<OptimizedParameter> parameters = parameters(ScalarType.Float);
    try (AdamW optimizer = new AdamW(parameters, CONSTANTS, Map.of())) {
      fillGradients(parameters, new Random(1));
      parameters.get(2).gradient().copy_(Tensor.create(new float[] {1, Float.NaN, 1, 1}, 2, 2));
      optimizer.step(0.1);
    }
    double[] values = Tensors.numbers(parameters.get(2).master());
    assertTrue(Double.isNaN(values[1]));
    assertFalse(Double.isNaN(values[0]));
  }

  @Test
  void parametersThatCannotBeOptimizedAreRefused() {
    Tensor floats = Tensor.create(new float[3], 3);
    Tensor doubles = Tensor.create(new double[3], 3);
    Tensor longs = Tensor.create(new long[3], 3);
    assertThrows(
        IllegalArgumentException.class, () -> new OptimizedParameter("a", floats, doubles, true));
    assertThrows(
        IllegalArgumentException.class, () -> new OptimizedParameter("a", longs, longs, true));
    assertThrows(
        IllegalArgumentException.class,
        () -> new OptimizedParameter("a", floats, Tensor.create(new float[2], 2), true));
    OptimizedParameter a = new OptimizedParameter("a", floats, floats.clone(), true);
    OptimizedParameter b = new OptimizedParameter("b", doubles, doubles.clone(), true);
    assertThrows(IllegalArgumentException.class, () -> context(List.of(a, a)));
    assertThrows(IllegalArgumentException.class, () -> context(List.of(a, b)));
    assertThrows(IllegalArgumentException.class, () -> context(List.of()));
  }

  private static OptimizerContext context(List<OptimizedParameter> parameters) {
    return new OptimizerContext(Plugins.noSettings(), parameters, Map.of());
  }

  @Test
  void memoryStaysFlatOverAThousandStepsAndIsGivenBack() {
    try (PointerScope scope = new PointerScope()) {
      List<OptimizedParameter> parameters = parameters(ScalarType.Float);
      Handles.assertFreesItself(
          20,
          () -> {
            try (AdamW optimizer = new AdamW(parameters, CONSTANTS, Map.of())) {
              optimizer.step(1e-3);
              optimizer.importState(new HashMap<>(optimizer.exportState()));
            }
          });
      try (AdamW optimizer = new AdamW(parameters, CONSTANTS, Map.of())) {
        Handles.assertFreesItself(1000, () -> optimizer.step(1e-3));
      }
    }
  }

  @Test
  void aParameterThatJoinsLaterCountsItsOwnSteps() {
    List<OptimizedParameter> parameters = parameters(ScalarType.Double);
    List<ReferenceAdamW> references =
        parameters.stream()
            .map(p -> new ReferenceAdamW(CONSTANTS, p.decay(), Tensors.numbers(p.master())))
            .toList();
    Random random = new Random(3);
    AdamW first = new AdamW(parameters.subList(0, 2), CONSTANTS, Map.of());
    for (int step = 0; step < 5; step++) {
      advance(first, parameters.subList(0, 2), references, random, step);
    }
    Map<String, ParameterState> known = first.states();
    first.release();
    try (AdamW second = new AdamW(parameters, CONSTANTS, known)) {
      for (int step = 5; step < 9; step++) {
        advance(second, parameters, references, random, step);
      }
      assertEquals(9, Tensors.number(second.exportState().get("w.step")));
      assertEquals(4, Tensors.number(second.exportState().get("v.step")));
    }
    for (int i = 0; i < parameters.size(); i++) {
      assertArrayEquals(
          references.get(i).value(), Tensors.numbers(parameters.get(i).master()), 1e-12);
    }
  }

  private static void advance(
      AdamW optimizer,
      List<OptimizedParameter> parameters,
      List<ReferenceAdamW> references,
      Random random,
      int step) {
    fillGradients(parameters, random);
    for (int i = 0; i < parameters.size(); i++) {
      references.get(i).step(Tensors.numbers(parameters.get(i).gradient()), rate(step));
    }
    optimizer.step(rate(step));
  }

  private static void assertRefused(AdamW optimizer, Map<String, Tensor> saved, String problem) {
    IllegalArgumentException refused =
        assertThrows(IllegalArgumentException.class, () -> optimizer.importState(saved));
    assertEquals(problem, refused.getMessage());
    optimizer
        .exportState()
        .forEach((name, tensor) -> assertEquals(0, Tensors.number(tensor.sum()), name));
  }

  private static void run(AdamW optimizer, List<OptimizedParameter> parameters, int from, int to) {
    for (int step = from; step < to; step++) {
      fillGradients(parameters, new Random(step));
      optimizer.step(rate(step));
    }
  }

  private static List<OptimizedParameter> parameters(ScalarType type) {
    Random random = new Random(5);
    List<OptimizedParameter> parameters = new ArrayList<>();
    parameters.add(
        new OptimizedParameter(
            "w", values(random, 97, 65).to(type), values(random, 97, 65).to(type), true));
    parameters.add(
        new OptimizedParameter(
            "bias", values(random, 65).to(type), values(random, 65).to(type), false));
    parameters.add(
        new OptimizedParameter(
            "v", values(random, 2, 2).to(type), values(random, 2, 2).to(type), true));
    return parameters;
  }

  private static Tensor values(Random random, long... sizes) {
    int count = 1;
    for (long size : sizes) {
      count *= (int) size;
    }
    return Tensor.create(random.doubles(count, -1, 1).toArray(), sizes);
  }

  private static void fillGradients(List<OptimizedParameter> parameters, Random random) {
    for (OptimizedParameter parameter : parameters) {
      parameter.gradient().copy_(values(random, Tensors.sizes(parameter.gradient())));
    }
  }
}
