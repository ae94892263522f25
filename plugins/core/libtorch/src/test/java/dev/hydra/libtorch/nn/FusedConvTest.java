package dev.hydra.libtorch.nn;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.autograd.CustomFunction;
import dev.hydra.libtorch.kernels.KernelMode;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import dev.hydra.testing.RandomInput;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@ExtendWith(InScope.class)
@Tag("cuda")
@EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
class FusedConvTest {
  private final RandomInput random = new RandomInput();

  @ParameterizedTest
  @CsvSource({
    // batch, time, channels, channels before x, taps; biased, packed, continued
    "1, 1, 8, 0, 4, true, false, false",
    "2, 7, 40, 8, 2, false, false, false",
    "3, 37, 24, 8, 3, true, true, false",
    "2, 130, 72, 8, 4, true, true, false",
    "2, 130, 72, 8, 4, false, false, true",
    "1, 64, 5, 3, 4, true, true, true",
    "2, 3, 33, 1, 4, true, false, true",
    "1, 2, 16, 2, 4, false, true, true",
    "3, 1031, 1096, 8, 4, true, true, false",
    "2, 2048, 2176, 8, 4, true, false, false"
  })
  void agreesWithFloat64AndThePlainTwin(
      int batch,
      int time,
      int channels,
      int before,
      int taps,
      boolean biased,
      boolean packed,
      boolean continued) {
    Tensor documents = random.documents(batch, time);
    Tensor past = random.values(batch, channels, taps - 1).to(ScalarType.BFloat16);
    Twins twins =
        new Twins()
            .element("what x is a part of", random.values(batch, time, before + channels + 3))
            .weight("the weight", Tensors.mul(random.values(channels, 1, taps), 0.5));
    if (biased) {
      twins.weight("the bias", random.values(channels));
    }
    Function<Map<String, Tensor>, ConvInput> input =
        in -> {
          Tensor x = in.get("what x is a part of").narrow(2, before, channels);
          Device on = x.device();
          return new ConvInput(
              x,
              in.get("the weight"),
              Optional.ofNullable(in.get("the bias")),
              packed ? Optional.of(documents.to(on, ScalarType.Long)) : Optional.empty(),
              continued
                  ? Optional.of(past.to(on, Tensors.type(x)).transpose(1, 2))
                  : Optional.empty());
        };
    twins.check(
        in -> Map.of("y", fused(input.apply(in))),
        in -> Map.of("y", ConvFunction.compute(input.apply(in))));
  }

  private static Tensor fused(ConvInput in) {
    FusedConv conv = FusedConv.of(in).orElseThrow();
    return conv.compute(in, in.documents().map(conv::masks));
  }

  @Test
  void masksSayWhichTokensBeforeAreOfTheSameDocument() {
    Tensor documents =
        Tensor.create(3L, 3L, 4L, 4L, 4L, 4L, 9L, 7L, 7L, 7L) // two rows
            .view(2, 5)
            .to(new Device("cuda"), ScalarType.Long);
    Tensor x = torch.ones(2, 5, 4).to(new Device("cuda"), ScalarType.Float);
    FusedConv conv = FusedConv.of(input(x, 4)).orElseThrow();
    assertArrayEquals(
        new long[] {15, 15, 9, 3, 7, 15, 13, 9, 3, 7}, Tensors.integers(conv.masks(documents)));
  }

  @Test
  void whatItCannotComputeIsLeftToThePlainTwin() {
    Tensor x = torch.ones(1, 9, 4).to(new Device("cuda"), ScalarType.Float);
    assertTrue(FusedConv.of(input(x, 4)).isPresent());
    assertTrue(FusedConv.of(input(x, 5)).isEmpty(), "more taps");
    assertTrue(FusedConv.of(input(x.to(ScalarType.Double), 4)).isEmpty(), "float64");
    CustomFunction.inlined(() -> assertTrue(FusedConv.of(input(x, 4)).isEmpty(), "inlined"));
    try (KernelMode.Setting plain = KernelMode.PLAIN.set()) {
      assertTrue(FusedConv.of(input(x, 4)).isEmpty(), "plain");
    }
  }

  private static ConvInput input(Tensor x, int taps) {
    Tensor weight = torch.ones(x.size(2), 1, taps).to(x.device(), Tensors.type(x));
    return new ConvInput(x, weight, Optional.empty(), Optional.empty(), Optional.empty());
  }
}
