package dev.hydra.mixer.mamba;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import dev.hydra.libtorch.Tensors;
import java.util.Arrays;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.function.Function;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class SsdTest {
  private static final int BATCH = 2;
  private static final int HEADS = 4;
  private static final int HEAD_DIM = 3;
  private static final int STATE = 5;

  private final SplittableRandom random = new SplittableRandom(1);
  private PointerScope scope;

  @BeforeEach
  void open() {
    scope = new PointerScope();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  @ParameterizedTest
  @CsvSource({
    // time, chunk, groups: one chunk, whole chunks, a rest, one token a chunk, several blocks
    "1, 8, 1",
    "8, 8, 2",
    "24, 8, 1",
    "29, 8, 2",
    "31, 7, 4",
    "17, 64, 1",
    "70, 1, 2",
    "1100, 1, 1"
  })
  void agreesWithTheRecurrence(int time, int chunk, int groups) {
    assertAgrees(time, chunk, groups, false, false);
  }

  @ParameterizedTest
  @CsvSource({"1, 8, 1", "29, 8, 2", "70, 1, 1", "1100, 1, 2"})
  void continuesFromAState(int time, int chunk, int groups) {
    assertAgrees(time, chunk, groups, true, false);
  }

  @ParameterizedTest
  @CsvSource({"24, 8, 1", "29, 8, 2", "70, 1, 1", "1100, 1, 2", "300, 9, 1"})
  void keepsDocumentsApart(int time, int chunk, int groups) {
    assertAgrees(time, chunk, groups, false, true);
  }

  private void assertAgrees(int time, int chunk, int groups, boolean continued, boolean packed) {
    Ssd.Input in = input(time, groups, continued, packed);
    NaiveSsd naive = naive(in);
    Ssd.Output out = Ssd.chunked(in, chunk);
    assertArrayEquals(naive.y, Tensors.numbers(out.y()), 1e-10);
    if (!packed) { // the state after padding belongs to no document
      assertArrayEquals(naive.h, Tensors.numbers(out.state()), 1e-10);
    }
  }

  @ParameterizedTest
  @CsvSource({"1, true", "2, false", "4, true"})
  void stepAgreesWithTheRecurrence(int groups, boolean continued) {
    Ssd.Input in = input(1, groups, continued, false);
    NaiveSsd naive = naive(in);
    Ssd.Output out = Ssd.step(in);
    assertArrayEquals(naive.y, Tensors.numbers(out.y()), 1e-12);
    assertArrayEquals(naive.h, Tensors.numbers(out.state()), 1e-12);
  }

  @ParameterizedTest
  @CsvSource({"1, false", "2, true"})
  void gradientsAgreeWithFiniteDifferences(int groups, boolean packed) {
    Ssd.Input in = input(75, groups, !packed, packed);
    Tensor weights = normal(BATCH, 75, HEADS, HEAD_DIM);
    assertGradient(in.x(), x -> objective(in, weights, x, in.dt(), in.a(), in.b(), in.c()));
    assertGradient(in.dt(), dt -> objective(in, weights, in.x(), dt, in.a(), in.b(), in.c()));
    assertGradient(in.a(), a -> objective(in, weights, in.x(), in.dt(), a, in.b(), in.c()));
    assertGradient(in.b(), b -> objective(in, weights, in.x(), in.dt(), in.a(), b, in.c()));
    assertGradient(in.c(), c -> objective(in, weights, in.x(), in.dt(), in.a(), in.b(), c));
  }

  private static Tensor objective(
      Ssd.Input in, Tensor weights, Tensor x, Tensor dt, Tensor a, Tensor b, Tensor c) {
    // Two tokens a chunk make more chunks than a block holds.
    return Ssd.chunked(new Ssd.Input(x, dt, a, b, c, in.documents(), in.initial()), 2)
        .y()
        .mul(weights)
        .sum();
  }

  private void assertGradient(Tensor at, Function<Tensor, Tensor> objective) {
    Tensor leaf = at.detach().clone().set_requires_grad(true);
    objective.apply(leaf).backward();
    double[] gradient = Tensors.numbers(leaf.grad());
    double[] values = Tensors.numbers(at);
    for (int i = 0; i < Math.min(10, values.length); i++) {
      int element = values.length <= 10 ? i : random.nextInt(values.length);
      double difference =
          (moved(values, at, element, 1e-5, objective)
                  - moved(values, at, element, -1e-5, objective))
              / 2e-5;
      assertEquals(difference, gradient[element], 1e-7 * Math.max(1, Math.abs(difference)));
    }
  }

  private static double moved(
      double[] values, Tensor like, int element, double by, Function<Tensor, Tensor> objective) {
    double[] changed = values.clone();
    changed[element] += by;
    return Tensors.number(objective.apply(Tensor.create(changed).view(Tensors.sizes(like))));
  }

  @ParameterizedTest
  @EnumSource(
      value = ScalarType.class,
      names = {"Float", "BFloat16"})
  void staysFiniteWhereDecaysVanishOrLast(ScalarType type) {
    int time = 4096;
    for (double step : new double[] {0, 1e-8, 1, 1e4, 1e37}) {
      Tensor dt = filled(step, BATCH, time, HEADS).set_requires_grad(true);
      Tensor x = filled(1, BATCH, time, HEADS, HEAD_DIM).to(type).set_requires_grad(true);
      Tensor b = filled(1, BATCH, time, 1, STATE).to(type);
      Tensor a = filled(-16, HEADS).set_requires_grad(true);
      Ssd.Output out =
          Ssd.chunked(new Ssd.Input(x, dt, a, b, b, Optional.empty(), Optional.empty()), 64);
      out.y().to(ScalarType.Double).sum().backward();
      for (Tensor tensor : new Tensor[] {out.y(), out.state(), dt.grad(), x.grad(), a.grad()}) {
        assertFalse(Tensors.any(tensor.isnan()), "NaN for steps of " + step);
      }
    }
  }

  @Test
  void aHugeStepDoesNotBlurTheStepsAfterIt() {
    int time = 600;
    Ssd.Input in = input(time, 1, false, false);
    double[] steps = Tensors.numbers(in.dt());
    for (int i = 0; i < steps.length; i += 37) {
      steps[i] = 1e6;
    }
    Tensor dt = Tensor.create(steps).view(BATCH, time, HEADS);
    // x * dt stays of ordinary size, as it would under a norm
    Tensor x = in.x().div(dt.clamp_min(new Scalar(1.0)).unsqueeze(-1));
    Ssd.Input huge = new Ssd.Input(x, dt, in.a(), in.b(), in.c(), in.documents(), in.initial());
    Ssd.Output out =
        Ssd.chunked(
            new Ssd.Input(
                x.to(ScalarType.Float),
                dt.to(ScalarType.Float),
                in.a().to(ScalarType.Float),
                in.b().to(ScalarType.Float),
                in.c().to(ScalarType.Float),
                Optional.empty(),
                Optional.empty()),
            64);
    assertArrayEquals(naive(huge).y, Tensors.numbers(out.y()), 1e-3);
  }

  @Test
  void aLongConstantSequenceReachesItsFixedPoint() {
    int time = 5000;
    Tensor dt = filled(0.1, 1, time, 1);
    Tensor ones = filled(1, 1, time, 1, 1);
    Tensor a = filled(-1, 1);
    Ssd.Output out =
        Ssd.chunked(new Ssd.Input(ones, dt, a, ones, ones, Optional.empty(), Optional.empty()), 64);
    // h = e^-0.1 h + 0.1
    assertEquals(0.1 / (1 - Math.exp(-0.1)), Tensors.number(out.state().sum()), 1e-5);
  }

  private Ssd.Input input(int time, int groups, boolean continued, boolean packed) {
    Tensor dt = normal(BATCH, time, HEADS).exp();
    return new Ssd.Input(
        normal(BATCH, time, HEADS, HEAD_DIM),
        Tensors.mul(dt, 0.1),
        normal(HEADS).exp().neg(),
        normal(BATCH, time, groups, STATE),
        normal(BATCH, time, groups, STATE),
        packed ? Optional.of(documents(time)) : Optional.empty(),
        continued ? Optional.of(normal(BATCH, HEADS, HEAD_DIM, STATE)) : Optional.empty());
  }

  private static NaiveSsd naive(Ssd.Input in) {
    int time = (int) in.x().size(1);
    NaiveSsd naive = new NaiveSsd(BATCH, time, HEADS, HEAD_DIM, (int) in.b().size(2), STATE);
    in.initial()
        .ifPresent(i -> System.arraycopy(Tensors.numbers(i), 0, naive.h, 0, naive.h.length));
    naive.run(
        Tensors.numbers(in.x()),
        Tensors.numbers(in.dt()),
        Tensors.numbers(in.a()),
        Tensors.numbers(in.b()),
        Tensors.numbers(in.c()),
        in.documents().map(Tensors::integers).orElseGet(() -> new long[BATCH * time]));
    return naive;
  }

  /** Documents of 1 to 40 tokens, other ones in each row. */
  private Tensor documents(int time) {
    long[] numbers = new long[BATCH * time];
    for (int row = 0; row < BATCH; row++) {
      int t = 0;
      for (long document = 3; t < time; document++) {
        int end = Math.min(time, t + random.nextInt(1, 41));
        Arrays.fill(numbers, row * time + t, row * time + end, document);
        t = end;
      }
    }
    return Tensor.create(numbers).view(BATCH, time);
  }

  private Tensor normal(long... sizes) {
    int elements = (int) Arrays.stream(sizes).reduce(1, Math::multiplyExact);
    double[] values = new double[elements];
    Arrays.setAll(values, i -> random.nextDouble(-1.7, 1.7));
    return Tensor.create(values).view(sizes);
  }

  private static Tensor filled(double value, long... sizes) {
    return torch.full(sizes, new Scalar((float) value));
  }
}
