package dev.hydra.mixer.mamba;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.autograd.Backward;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import dev.hydra.testing.RandomInput;
import java.util.Optional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

@ExtendWith(InScope.class)
class SsdTest {
  private static final int BATCH = 2;
  private static final int HEADS = 4;
  private static final int HEAD_DIM = 3;
  private static final int STATE = 5;

  private final RandomInput random = new RandomInput();

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
  @CsvSource({"29, 8, 2", "300, 9, 1", "1100, 1, 2"})
  void continuesTheFirstDocumentFromAState(int time, int chunk, int groups) {
    assertAgrees(time, chunk, groups, true, true);
  }

  @ParameterizedTest
  @CsvSource({"24, 8, 1", "29, 8, 2", "70, 1, 1", "1100, 1, 2", "300, 9, 1"})
  void keepsDocumentsApart(int time, int chunk, int groups) {
    assertAgrees(time, chunk, groups, false, true);
  }

  private void assertAgrees(int time, int chunk, int groups, boolean continued, boolean packed) {
    ScanInput in = input(time, groups, continued, packed);
    NaiveSsd naive = naive(in);
    for (long atOnce : new long[] {Integer.MAX_VALUE, 40}) {
      Ssd.Output out = ChunkedSsd.compute(in, chunk, atOnce);
      assertArrayEquals(naive.y, Tensors.numbers(out.y()), 1e-10);
      if (!packed) { // the state after padding belongs to no document
        assertArrayEquals(naive.h, Tensors.numbers(out.state()), 1e-10);
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"1, true", "2, false", "4, true"})
  void stepAgreesWithTheRecurrence(int groups, boolean continued) {
    ScanInput in = input(1, groups, continued, false);
    NaiveSsd naive = naive(in);
    Ssd.Output out = Ssd.step(in, false);
    assertArrayEquals(naive.y, Tensors.numbers(out.y()), 1e-12);
    assertArrayEquals(naive.h, Tensors.numbers(out.state()), 1e-12);
  }

  /** In float32, as texts are continued, and at sizes at which products by blocks differ. */
  @ParameterizedTest
  @ValueSource(ints = {1, 2})
  void stepOfARowIsTheSameWhateverIsBesideIt(int groups) {
    Tensor[] in = {
      torch.randn(5, 1, 4, 64),
      torch.rand(5, 1, 4),
      torch.rand(4).neg(),
      torch.randn(5, 1, groups, 32),
      torch.randn(5, 1, groups, 32),
      torch.randn(5, 4, 64, 32)
    };
    Ssd.Output together = Ssd.step(rows(0, 5, in), false);
    for (long i = 0; i < 5; i++) {
      Ssd.Output alone = Ssd.step(rows(i, 1, in), false);
      assertTrue(alone.y().equal(together.y().narrow(0, i, 1)), "row " + i);
      assertTrue(alone.state().equal(together.state().narrow(0, i, 1)), "row " + i);
    }
  }

  private static ScanInput rows(long from, long count, Tensor... in) {
    return new ScanInput(
        in[0].narrow(0, from, count),
        in[1].narrow(0, from, count),
        in[2],
        in[3].narrow(0, from, count),
        in[4].narrow(0, from, count),
        Optional.empty(),
        Optional.of(in[5].narrow(0, from, count)));
  }

  @Test
  void stepInPlaceLeavesTheStateWhereItWas() {
    ScanInput in = input(1, 2, true, false);
    NaiveSsd naive = naive(in);
    Ssd.Output out = Ssd.step(in, true);
    assertArrayEquals(naive.y, Tensors.numbers(out.y()), 1e-12);
    assertArrayEquals(naive.h, Tensors.numbers(in.initial().orElseThrow()), 1e-12);
    assertEquals(in.initial().orElseThrow().data_ptr().address(), out.state().data_ptr().address());
  }

  @ParameterizedTest
  @CsvSource({
    "1, 2, 1000, false",
    "2, 2, 1000, true",
    "2, 16, 1000, false",
    "4, 16, 1000, true",
    "2, 4, 32, false",
    "2, 4, 32, true"
  })
  void gradientsAgreeWithFiniteDifferences(int groups, int chunk, int atOnce, boolean packed) {
    // At two tokens a chunk there are more chunks than a block holds.
    int time = 75;
    ScanInput in = input(time, groups, !packed, packed);
    Tensor outward = random.values(BATCH, time, HEADS, HEAD_DIM);
    // What a packed sequence leaves behind is not defined: padding belongs to no document.
    Tensor onward = random.values(BATCH, HEADS, HEAD_DIM, STATE).mul(new Scalar(packed ? 0 : 1));
    ScanGradients.check(
        in,
        leaves -> {
          Ssd.Output out = ChunkedSsd.compute(leaves, chunk, atOnce);
          return out.y().mul(outward).sum().add(out.state().mul(onward).sum());
        });
  }

  @Test
  void gradientsInBfloat16AreNear() {
    int time = 500;
    ScanInput in = input(time, 2, false, false);
    Tensor outward = random.values(BATCH, time, HEADS, HEAD_DIM);
    ScanGradients.checkBfloat16(in, outward, 0.03, each -> Ssd.chunked(each, 64).y());
  }

  @ParameterizedTest
  @EnumSource(
      value = ScalarType.class,
      names = {"Float", "BFloat16"})
  void staysFiniteWhereDecaysVanishOrLast(ScalarType type) {
    int time = 1000;
    for (double step : new double[] {0, 1e-8, 1, 1e4, 1e37}) {
      Tensor dt = filled(step, BATCH, time, HEADS).set_requires_grad(true);
      Tensor x = filled(1, BATCH, time, HEADS, HEAD_DIM).to(type).set_requires_grad(true);
      Tensor b = filled(1, BATCH, time, 1, STATE).to(type);
      Tensor a = filled(-16, HEADS).set_requires_grad(true);
      Ssd.Output out =
          Ssd.chunked(new ScanInput(x, dt, a, b, b, Optional.empty(), Optional.empty()), 64);
      Backward.run(out.y().to(ScalarType.Double).sum());
      for (Tensor tensor : new Tensor[] {out.y(), out.state(), dt.grad(), x.grad(), a.grad()}) {
        assertFalse(Tensors.any(tensor.isnan()), "NaN for steps of " + step);
      }
    }
  }

  @Test
  void aHugeStepDoesNotBlurTheStepsAfterIt() {
    int time = 600;
    ScanInput in = input(time, 1, false, false);
    double[] steps = Tensors.numbers(in.dt());
    for (int i = 0; i < steps.length; i += 37) {
      steps[i] = 1e6;
    }
    Tensor dt = Tensor.create(steps).view(BATCH, time, HEADS);
    // x * dt stays of ordinary size, as it would under a norm
    Tensor x = in.x().div(dt.clamp_min(new Scalar(1.0)).unsqueeze(-1));
    ScanInput huge = new ScanInput(x, dt, in.a(), in.b(), in.c(), in.documents(), in.initial());
    Ssd.Output out =
        Ssd.chunked(
            new ScanInput(
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
    int time = 2000;
    Tensor dt = filled(0.1, 1, time, 1);
    Tensor ones = filled(1, 1, time, 1, 1);
    Tensor a = filled(-1, 1);
    Ssd.Output out =
        Ssd.chunked(new ScanInput(ones, dt, a, ones, ones, Optional.empty(), Optional.empty()), 64);
    // h = e^-0.1 h + 0.1
    assertEquals(0.1 / (1 - Math.exp(-0.1)), Tensors.number(out.state().sum()), 1e-5);
  }

  private ScanInput input(int time, int groups, boolean continued, boolean packed) {
    Tensor dt = random.values(BATCH, time, HEADS).exp();
    return new ScanInput(
        random.values(BATCH, time, HEADS, HEAD_DIM),
        Tensors.mul(dt, 0.1),
        random.values(HEADS).exp().neg(),
        random.values(BATCH, time, groups, STATE),
        random.values(BATCH, time, groups, STATE),
        packed ? Optional.of(random.documents(BATCH, time)) : Optional.empty(),
        continued ? Optional.of(random.values(BATCH, HEADS, HEAD_DIM, STATE)) : Optional.empty());
  }

  private static NaiveSsd naive(ScanInput in) {
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

  private static Tensor filled(double value, long... sizes) {
    return torch.full(sizes, new Scalar((float) value));
  }
}
