package dev.hydra.tck;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.hydra.api.ComponentFactory;
import dev.hydra.api.Cost;
import dev.hydra.api.Mixer;
import dev.hydra.api.Pass;
import dev.hydra.api.StateCache;
import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;

/** Every check finds the fault that it is there for, and a sound component passes all. */
class PlantedFaultsTest {
  private static final String SHAPE = "shape and type";
  private static final String CAUSALITY = "causality";
  private static final String DETERMINISM = "determinism";
  private static final String BFLOAT16 = "bf16 near fp32";
  private static final String CHUNKED = "chunked = whole";
  private static final String TOKENS = "token by token = whole";
  private static final String PACKED = "packed = separate documents";
  private static final String GRADIENTS = "gradients";
  private static final String PACKED_GRADIENTS = "gradients of packed documents";
  private static final String HANDLES = "live handles flat";
  private static final String COST = "cost";
  private static final String PARAMETERS = "parameters move";
  private static final String STATE = "state moves";
  private static final String ROWS = "rows of different length";
  private static final String SIZES = "impossible sizes refused";

  /** The names of the checks that a component does not pass. */
  private static Set<String> failing(ComponentFactory<?> factory) {
    Set<String> failing = new LinkedHashSet<>();
    for (Check check : Conformance.of(factory).width(4).time(12).tests()) {
      try {
        check.run();
      } catch (ContractViolation e) {
        failing.add(check.name());
      }
    }
    return failing;
  }

  private static void assertFails(Function<Tensor, Mixer> mixer, String... checks) {
    assertEquals(Set.of(checks), failing(Planted.of(mixer)));
  }

  /** For faults after which other checks cannot even run. */
  private static void assertShapeFails(Function<Tensor, Mixer> mixer, String message) {
    Check shape = Conformance.of(Planted.of(mixer)).width(4).time(12).tests().get(0);
    assertEquals(SHAPE, shape.name());
    assertEquals(message, assertThrows(ContractViolation.class, shape::run).getMessage());
  }

  /** Taps whose output is changed. */
  private static Function<Tensor, Mixer> output(UnaryOperator<Tensor> change) {
    return weight -> (x, pass) -> change.apply(new Taps(weight).forward(x, pass));
  }

  @Test
  void soundComponentsPass() {
    assertFails(Taps::new);
  }

  @Test
  void soDoOnesThatOnlyLookUp() {
    Function<Tensor, Mixer> mixer =
        weight -> (x, pass) -> torch.embedding(weight, pass.tokens().remainder(new Scalar(2L)));
    assertEquals(
        Set.of(),
        failing(
            new Planted(
                mixer,
                (site, work) -> new Cost(work.tokens() * site.width(), 0, 0, site.width()))));
  }

  @Test
  void seesOneTokenAhead() {
    assertFails(
        weight ->
            (x, pass) -> {
              Tensor ahead = Tensors.pad(Tensors.slice(x, 1, 1, x.size(1)), 1, 0, 1);
              return new Taps(weight).forward(x, pass).add(ahead);
            },
        CAUSALITY,
        CHUNKED,
        TOKENS,
        ROWS,
        PACKED);
  }

  @Test
  void seesTheMeanOfTheSequence() {
    assertFails(
        output(y -> y.add(y.mean(new long[] {1}, true, null))),
        CAUSALITY,
        CHUNKED,
        TOKENS,
        ROWS,
        PACKED);
  }

  @Test
  void mixesTheRowsOfABatch() {
    assertFails(output(y -> y.add(y.flip(0))), ROWS, PACKED);
  }

  @Test
  void keepsHandlesInTraining() {
    List<Tensor> kept = new ArrayList<>();
    assertFails(
        output(
            y -> {
              kept.add(Scopes.own(y));
              return y;
            }),
        HANDLES);
    kept.forEach(Tensor::close);
  }

  @Test
  void keepsHandlesInDecoding() {
    List<Tensor> kept = new ArrayList<>();
    assertFails(
        weight ->
            (x, pass) -> {
              pass.cache().ifPresent(cache -> kept.add(Scopes.own(x)));
              return new Taps(weight).forward(x, pass);
            },
        HANDLES);
    kept.forEach(Tensor::close);
  }

  @Test
  void givesAWeightNoGradient() {
    assertFails(weight -> new Taps(weight.detach()), GRADIENTS, PACKED_GRADIENTS);
  }

  @Test
  void givesHalfTheGradientOfOneTap() {
    assertFails(
        weight ->
            new Taps(weight) {
              @Override
              Tensor tap(Tensor x, int index) {
                Tensor y = super.tap(x, index);
                return index == 0 ? y : Tensors.mul(y.add(y.detach()), 0.5);
              }
            },
        GRADIENTS,
        PACKED_GRADIENTS);
  }

  @Test
  void losesTheGradientOfOneToken() {
    assertFails(
        weight ->
            new Taps(weight) {
              @Override
              Tensor masked(Tensor earlier, Pass pass) {
                long time = earlier.size(1);
                Tensor most = Tensors.slice(earlier, 1, 0, time - 1);
                Tensor last = Tensors.slice(earlier, 1, time - 1, time);
                return super.masked(Tensors.cat(1, most, last.detach()), pass);
              }
            },
        GRADIENTS,
        PACKED_GRADIENTS);
  }

  @Test
  void losesTheGradientWithDocumentsOnly() {
    assertFails(
        weight ->
            new Taps(weight) {
              @Override
              Tensor masked(Tensor earlier, Pass pass) {
                boolean packed = pass.documents().isPresent();
                return super.masked(packed ? earlier.detach() : earlier, pass);
              }
            },
        PACKED_GRADIENTS);
  }

  @Test
  void drawsRandomNumbers() {
    assertFails(
        output(
            y ->
                Tensors.type(y) == ScalarType.Float
                    ? y.add(Tensors.mul(torch.randn_like(y), 1e-4))
                    : y),
        DETERMINISM);
  }

  @Test
  void remembersTheForwardBefore() {
    assertFails(
        weight -> {
          List<Integer> calls = new ArrayList<>();
          return (x, pass) -> {
            Tensor y = new Taps(weight).forward(x, pass);
            calls.add(calls.size());
            return Tensors.type(x) == ScalarType.Float
                ? Tensors.mul(y, 1 + 1e-5 * calls.size())
                : y;
          };
        },
        DETERMINISM);
  }

  @Test
  void dropsTheLastToken() {
    assertShapeFails(
        output(y -> Tensors.slice(y, 1, y.size(1) - 1, y.size(1))), "output has shape [2, 1, 4]");
  }

  @Test
  void answersInFloat32() {
    assertFails(
        output(y -> Tensors.type(y) == ScalarType.BFloat16 ? y.to(ScalarType.Float) : y), SHAPE);
  }

  @Test
  void answersWithInfinities() {
    assertFails(
        output(
            y ->
                Tensors.type(y) == ScalarType.BFloat16
                    ? Tensors.mul(y, Double.POSITIVE_INFINITY)
                    : y),
        SHAPE,
        BFLOAT16);
  }

  @Test
  void changesItsInput() {
    assertShapeFails(
        weight ->
            (x, pass) -> {
              Tensor y = new Taps(weight).forward(x, pass);
              x.mul_(new Scalar(2.0));
              return y;
            },
        "the input is changed; others see it too");
  }

  @Test
  void isRoughInBfloat16() {
    assertFails(
        output(y -> Tensors.type(y) == ScalarType.BFloat16 ? Tensors.mul(y, 1.1) : y), BFLOAT16);
  }

  @Test
  void ignoresItsState() {
    assertFails(
        weight ->
            new Taps(weight) {
              @Override
              Tensor before(Tensor x, Pass pass) {
                return Tensors.zeros(x, x.size(0), 1, x.size(2));
              }
            },
        CHUNKED,
        TOKENS,
        ROWS);
  }

  @Test
  void ignoresDocuments() {
    assertFails(
        weight ->
            new Taps(weight) {
              @Override
              Tensor masked(Tensor earlier, Pass pass) {
                return earlier;
              }
            },
        PACKED);
  }

  @Test
  void keepsWhatItDerivedFromItsParameters() {
    assertFails(
        weight -> {
          double[] first = Tensors.numbers(weight);
          return (x, pass) -> Tensors.add(new Taps(weight).forward(x, pass), first[0]);
        },
        PARAMETERS,
        STATE);
  }

  @Test
  void hidesStateFromTheCache() {
    assertFails(
        weight -> {
          boolean[] begun = {false};
          return (x, pass) -> {
            boolean first = pass.cache().map(StateCache::position).orElse(0L) == 0;
            begun[0] |= first;
            return Tensors.add(new Taps(weight).forward(x, pass), begun[0] ? 0 : 1);
          };
        },
        STATE);
  }

  @Test
  void acceptsSizesThatItCannotWorkWith() {
    assertEquals(Set.of(SIZES), failing(new PlantedOptions()));
  }

  @Test
  void costsLessThanItsParameters() {
    assertEquals(
        Set.of(COST),
        failing(
            new Planted(
                Taps::new,
                (site, work) -> new Cost(0.5 * work.tokens() * site.width(), 0, site.width(), 0))));
  }

  @Test
  void costsNothing() {
    assertEquals(Set.of(COST), failing(new Planted(Taps::new, (site, work) -> Cost.NONE)));
  }

  @Test
  void saysThatItCostsTenTimesAsMuch() {
    assertEquals(
        Set.of(COST),
        failing(
            new Planted(
                Taps::new,
                (site, work) ->
                    new Cost(40.0 * work.tokens() * site.width(), 0, site.width(), 0))));
  }

  @Test
  void forgetsAProduct() {
    Function<Tensor, Mixer> mixer =
        weight ->
            (x, pass) -> {
              Tensor square = weight.t().mm(weight); // [width, width]
              Tensor power = square.mm(square).mm(square).mm(square).mm(square);
              return new Taps(weight).forward(x, pass).matmul(power.mm(power).mm(power));
            };
    assertEquals(Set.of(COST), failing(new Planted(mixer, Planted::honest)));
  }

  @Test
  void costsNoState() {
    assertEquals(
        Set.of(COST),
        failing(new Planted(Taps::new, (site, work) -> new Cost(work.tokens(), 0, 0, 0))));
  }

  @Test
  void leavesEveryParameterIdle() {
    assertEquals(
        Set.of(COST),
        failing(
            new Planted(
                Taps::new,
                (site, work) ->
                    Planted.honest(site, work).plus(new Cost(0, 0, 0, 2 * site.width())))));
  }
}
