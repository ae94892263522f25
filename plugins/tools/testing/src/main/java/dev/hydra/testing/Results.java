package dev.hydra.testing;

import static java.util.Objects.requireNonNull;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.ToDoubleBiFunction;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Compares what several ways to compute the same have given: outputs and gradients by name. */
public final class Results {
  private Results() {}

  /** Copies results to the CPU as float64, in their order, without what they were computed from. */
  public static Map<String, Tensor> copied(Map<String, Tensor> results) {
    Map<String, Tensor> copies = new LinkedHashMap<>();
    results.forEach(
        (what, value) ->
            copies.put(what, value.detach().to(new Device("cpu"), ScalarType.Double).clone()));
    return copies;
  }

  /**
   * Fails unless there are results of the same names, and each is as near as {@link
   * Samples#assertNear} wants.
   *
   * @param how the message's words behind the name of the result
   */
  public static void assertNear(
      String how, Map<String, Tensor> expected, Map<String, Tensor> actual, double bound) {
    assertNear(how, expected, actual, (what, value) -> bound);
  }

  /** Does the same with a bound for each result, by its name and its expected value. */
  public static void assertNear(
      String how,
      Map<String, Tensor> expected,
      Map<String, Tensor> actual,
      ToDoubleBiFunction<String, Tensor> bound) {
    assertEquals(expected.keySet(), actual.keySet());
    expected.forEach(
        (what, value) ->
            Samples.assertNear(
                what + ", " + how,
                value,
                requireNonNull(actual.get(what)),
                bound.applyAsDouble(what, value)));
  }

  /** Fails unless there are results of the same names, the same to the bit. */
  public static void assertSame(Map<String, Tensor> expected, Map<String, Tensor> actual) {
    assertEquals(expected.keySet(), actual.keySet());
    expected.forEach(
        (what, value) -> assertTrue(value.equal(actual.get(what)), what + " is not the same"));
  }
}
