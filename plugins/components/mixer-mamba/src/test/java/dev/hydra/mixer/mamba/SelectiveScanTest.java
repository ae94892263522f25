package dev.hydra.mixer.mamba;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.autograd.Backward;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import dev.hydra.testing.RandomInput;
import java.util.List;
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

@ExtendWith(InScope.class)
class SelectiveScanTest {
  private static final int BATCH = 2;
  private static final int INNER = 6;
  private static final int STATE = 5;

  private final RandomInput random = new RandomInput();

  @ParameterizedTest
  @CsvSource({
    // time, chunk, continued, packed: one chunk, whole chunks, a rest, one token a chunk
    "1, 8, false, false",
    "8, 8, true, false",
    "24, 8, false, true",
    "29, 8, true, false",
    "31, 7, false, true",
    "17, 64, false, false",
    "70, 1, true, false",
    "70, 1, false, true",
    "300, 9, false, true",
    "900, 32, true, false"
  })
  void agreesWithTheRecurrence(int time, int chunk, boolean continued, boolean packed) {
    ScanInput in = input(time, continued, packed);
    NaiveScan naive = NaiveScan.of(in);
    SelectiveScan.Output out = SelectiveScan.chunked(in, chunk);
    assertArrayEquals(naive.y, Tensors.numbers(out.y()), 1e-12);
    assertArrayEquals(naive.h, Tensors.numbers(out.state()), 1e-12);
  }

  @ParameterizedTest
  @CsvSource({"true", "false"})
  void stepAgreesWithTheRecurrence(boolean continued) {
    ScanInput in = input(1, continued, false);
    NaiveScan naive = NaiveScan.of(in);
    SelectiveScan.Output out = SelectiveScan.step(in, false);
    assertArrayEquals(naive.y, Tensors.numbers(out.y()), 1e-12);
    assertArrayEquals(naive.h, Tensors.numbers(out.state()), 1e-12);
  }

  @Test
  void stepInPlaceLeavesTheStateWhereItWas() {
    ScanInput in = input(1, true, false);
    NaiveScan naive = NaiveScan.of(in);
    SelectiveScan.Output out = SelectiveScan.step(in, true);
    assertArrayEquals(naive.y, Tensors.numbers(out.y()), 1e-12);
    assertArrayEquals(naive.h, Tensors.numbers(in.initial().orElseThrow()), 1e-12);
    assertEquals(in.initial().orElseThrow().data_ptr().address(), out.state().data_ptr().address());
  }

  @ParameterizedTest
  @CsvSource({"1, false", "7, true", "7, false", "64, true", "64, false"})
  void gradientsAgreeWithFiniteDifferences(int chunk, boolean packed) {
    int time = 45;
    ScanInput in = input(time, !packed, packed);
    Tensor outward = random.values(BATCH, time, INNER);
    Tensor onward = random.values(BATCH, INNER, STATE);
    ScanGradients.check(
        in,
        leaves -> {
          SelectiveScan.Output out = SelectiveScan.chunked(leaves, chunk);
          return out.y().mul(outward).sum().add(out.state().mul(onward).sum());
        });
  }

  @Test
  void gradientsInBfloat16AreNear() {
    int time = 500;
    ScanInput in = input(time, false, false);
    Tensor outward = random.values(BATCH, time, INNER);
    ScanGradients.checkBfloat16(in, outward, 0.01, each -> SelectiveScan.chunked(each, 64).y());
  }

  @ParameterizedTest
  @EnumSource(
      value = ScalarType.class,
      names = {"Float", "BFloat16"})
  void staysFiniteWhereDecaysVanishOrLast(ScalarType type) {
    int time = 300;
    for (double step : new double[] {0, 1e-8, 1, 1e4, 1e30}) {
      Tensor dt = filled(step, BATCH, time, INNER).set_requires_grad(true);
      Tensor x = filled(1, BATCH, time, INNER).to(type).set_requires_grad(true);
      Tensor b = filled(1, BATCH, time, STATE).to(type);
      Tensor a = filled(-16, INNER, STATE).set_requires_grad(true);
      SelectiveScan.Output out =
          SelectiveScan.chunked(
              new ScanInput(x, dt, a, b, b, Optional.empty(), Optional.empty()), 16);
      Backward.run(out.y().to(ScalarType.Double).sum());
      for (Tensor tensor : List.of(out.y(), out.state(), dt.grad(), x.grad(), a.grad())) {
        assertTrue(
            !Tensors.any(tensor.isfinite().logical_not()), "not finite for steps of " + step);
      }
    }
  }

  private ScanInput input(int time, boolean continued, boolean packed) {
    Tensor dt = random.values(BATCH, time, INNER).exp();
    return new ScanInput(
        random.values(BATCH, time, INNER),
        Tensors.mul(dt, 0.1),
        random.values(INNER, STATE).exp().neg(),
        random.values(BATCH, time, STATE),
        random.values(BATCH, time, STATE),
        packed ? Optional.of(random.documents(BATCH, time)) : Optional.empty(),
        continued ? Optional.of(random.values(BATCH, INNER, STATE)) : Optional.empty());
  }

  private static Tensor filled(double value, long... sizes) {
    return torch.full(sizes, new Scalar((float) value));
  }
}
