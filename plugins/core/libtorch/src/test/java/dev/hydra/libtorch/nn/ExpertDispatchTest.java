package dev.hydra.libtorch.nn;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.runtime.Tensors;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;

class ExpertDispatchTest {
  private static final int WIDTH = 3;

  /** Of six experts, 0 and 4 are never chosen. */
  private static final List<long[]> CHOSEN =
      List.of(
          new long[] {2, 1},
          new long[] {5, 2},
          new long[] {1, 2},
          new long[] {3, 5},
          new long[] {2, 3});

  @Test
  void multipliesOneRowForEachChoiceAndNoMore() {
    try (PointerScope scope = new PointerScope()) {
      Tensor rows = dispatch().spread(tokens());
      assertArrayEquals(new long[] {10, WIDTH}, Tensors.sizes(rows));
    }
  }

  @Test
  void putsTheRowsOfEachExpertTogetherInTheOrderOfTokens() {
    try (PointerScope scope = new PointerScope()) {
      ExpertDispatch dispatch = dispatch();
      assertArrayEquals(new long[] {0, 2, 6, 8, 8, 10}, Tensors.integers(dispatch.ends()));
      long[] tokenAtPlace = {0, 2, 0, 1, 2, 4, 3, 4, 1, 3};
      double[] first = Tensors.numbers(dispatch.spread(tokens()).select(1, 0));
      double[] all = Tensors.numbers(tokens().select(1, 0));
      for (int place = 0; place < tokenAtPlace.length; place++) {
        assertEquals(all[(int) tokenAtPlace[place]], first[place], "place " + place);
      }
    }
  }

  @Test
  void addsUpWhatComesBackByWeight() {
    try (PointerScope scope = new PointerScope()) {
      ExpertDispatch dispatch = dispatch();
      // Each row comes back as its expert's number: expert 1 at places 0 and 1, and so on.
      Tensor expert = Tensor.create(new double[] {1, 1, 2, 2, 2, 2, 3, 3, 5, 5}, 10, 1);
      Tensor weights = Tensor.create(new double[] {1, 10, 1, 10, 1, 10, 1, 10, 1, 10}, 5, 2);
      assertArrayEquals(
          new double[] {2 + 10, 5 + 20, 1 + 20, 3 + 50, 2 + 30},
          Tensors.numbers(dispatch.combine(expert, weights, Optional.empty())));
    }
  }

  @Test
  void gradientsFlowBackToTokensAndWeights() {
    try (PointerScope scope = new PointerScope()) {
      Tensor tokens = tokens().set_requires_grad(true);
      Tensor weights = random(5, 2).set_requires_grad(true);
      Tensor direction = random(5, WIDTH);
      ExpertDispatch dispatch = dispatch();
      dispatch
          .combine(dispatch.spread(tokens), weights, Optional.empty())
          .mul(direction)
          .sum()
          .backward();

      // Nothing happens to the rows, so the sum is tokens * (sum of weights).
      assertClose(direction.mul(weights.detach().sum(1).unsqueeze(1)), tokens.grad());
      assertClose(direction.mul(tokens.detach()).sum(1).unsqueeze(1).expand(5, 2), weights.grad());
    }
  }

  /** Tokens that share a decision go where each would go by its own, in one piece. */
  @Test
  void decisionsForSeveralTokensAreThoseOfEach() {
    try (PointerScope scope = new PointerScope()) {
      int span = 4;
      long[] flat = CHOSEN.stream().flatMapToLong(Arrays::stream).toArray();
      Tensor chosen = Tensor.create(flat, CHOSEN.size(), 2);
      Tensor weights = random(CHOSEN.size(), 2);
      Tensor tokens = random(CHOSEN.size() * span, WIDTH);
      Tensor other = random(CHOSEN.size() * span, WIDTH);
      ExpertDispatch shared = ExpertDispatch.of(chosen, 6, span);
      ExpertDispatch own = ExpertDispatch.of(repeated(chosen, span), 6, 1);
      assertArrayEquals(Tensors.integers(own.ends()), Tensors.integers(shared.ends()));
      assertEquals(Tensors.number(own.dropped()), Tensors.number(shared.dropped()));
      Tensor each = repeated(weights, span);
      assertClose(
          own.combine(experts(own.spread(tokens), own), each, Optional.of(other)),
          shared.combine(experts(shared.spread(tokens), shared), weights, Optional.of(other)));
    }
  }

  private static Tensor repeated(Tensor rows, int times) {
    return rows.unsqueeze(1).expand(-1, times, -1).flatten(0, 1);
  }

  /** Rows times the number of their expert. */
  private static Tensor experts(Tensor rows, ExpertDispatch dispatch) {
    Tensor place = Tensors.range(0, rows.size(0), rows).unsqueeze(1);
    return rows.mul(place.ge(dispatch.ends()).sum(1).unsqueeze(1));
  }

  /** An expert that does not exist computes nothing, and that is seen. */
  @Test
  void countsWhatNoExpertComputes() {
    try (PointerScope scope = new PointerScope()) {
      assertEquals(0, Tensors.number(dispatch().dropped()));
      Tensor chosen = Tensor.create(new long[] {0, 1, 4, 1, 2, 3, 5, 0}, 4, 2);
      assertEquals(0.25, Tensors.number(ExpertDispatch.of(chosen, 4, 1).dropped()), 1e-6);
    }
  }

  private static void assertClose(Tensor expected, Tensor actual) {
    assertTrue(Tensors.number(expected.sub(actual).abs().max()) < 1e-14);
  }

  private static ExpertDispatch dispatch() {
    long[] flat = CHOSEN.stream().flatMapToLong(Arrays::stream).toArray();
    return ExpertDispatch.of(Tensor.create(flat, CHOSEN.size(), 2), 6, 1);
  }

  private static Tensor tokens() {
    return random(CHOSEN.size(), WIDTH);
  }

  private static Tensor random(int rows, int columns) {
    SplittableRandom random = new SplittableRandom(rows * 100L + columns);
    return Tensor.create(
        IntStream.range(0, rows * columns).mapToDouble(i -> random.nextDouble()).toArray(),
        rows,
        columns);
  }
}
