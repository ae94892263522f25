package dev.hydra.mixer.mamba;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import dev.hydra.libtorch.Tensors;
import java.util.Optional;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ConvFunctionTest {
  private static final int BATCH = 2;
  private static final int CHANNELS = 3;

  private final RandomInput input = new RandomInput();
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
  @CsvSource({"9, 4", "2, 4", "1, 2", "30, 5"})
  void agreesWithLibTorch(int time, int kernel) {
    Tensor x = input.values(BATCH, time, CHANNELS);
    Tensor weight = input.values(CHANNELS, 1, kernel);
    Tensor bias = input.values(CHANNELS);
    Tensor before = input.values(BATCH, kernel - 1, CHANNELS);
    assertSame(
        reference(torch.zeros_like(before), x, weight).add(bias),
        convolved(x, weight, Optional.of(bias), Optional.empty(), Optional.empty()));
    assertSame(
        reference(before, x, weight),
        convolved(x, weight, Optional.empty(), Optional.empty(), Optional.of(before)));
  }

  /** LibTorch's grouped convolution over the inputs before x and x. */
  private static Tensor reference(Tensor past, Tensor x, Tensor weight) {
    Tensor all = Tensors.cat(1, past, x).transpose(1, 2);
    Tensor[] channels = new Tensor[CHANNELS];
    for (int i = 0; i < CHANNELS; i++) {
      channels[i] = torch.conv1d(all.narrow(1, i, 1), weight.narrow(0, i, 1));
    }
    return Tensors.cat(1, channels).transpose(1, 2);
  }

  private static Tensor convolved(
      Tensor x,
      Tensor weight,
      Optional<Tensor> bias,
      Optional<Tensor> documents,
      Optional<Tensor> past) {
    return ConvFunction.compute(x, weight, bias, documents, past);
  }

  private static void assertSame(Tensor beforeSilu, Tensor actual) {
    assertArrayEquals(Tensors.numbers(torch.silu(beforeSilu)), Tensors.numbers(actual), 1e-12);
  }

  @Test
  void seesOneDocumentOnly() {
    Tensor x = input.values(1, 9, CHANNELS);
    Tensor weight = input.values(CHANNELS, 1, 4);
    Tensor documents = Tensor.create(0L, 0L, 0L, 1L, 4L, 4L, 4L, 4L, 4L).view(1, 9);
    Tensor packed =
        convolved(x, weight, Optional.empty(), Optional.of(documents), Optional.empty());
    Tensor apart =
        Tensors.cat(1, alone(x, weight, 0, 3), alone(x, weight, 3, 4), alone(x, weight, 4, 9));
    assertArrayEquals(Tensors.numbers(apart), Tensors.numbers(packed), 1e-12);
  }

  private static Tensor alone(Tensor x, Tensor weight, int from, int to) {
    return convolved(
        Tensors.slice(x, 1, from, to),
        weight,
        Optional.empty(),
        Optional.empty(),
        Optional.empty());
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 50})
  void gradientsAgreeWithFiniteDifferences(int time) {
    Tensor x = input.values(BATCH, time, CHANNELS);
    Tensor weight = input.values(CHANNELS, 1, 4);
    Tensor bias = input.values(CHANNELS);
    Optional<Tensor> documents = Optional.of(input.documents(BATCH, time));
    Tensor direction = input.values(BATCH, time, CHANNELS);
    FiniteDifferences.check(x, input.random, at -> sum(direction, at, weight, bias, documents));
    FiniteDifferences.check(weight, input.random, at -> sum(direction, x, at, bias, documents));
    FiniteDifferences.check(
        bias, input.random, at -> sum(direction, x, weight, at, Optional.empty()));
  }

  private static Tensor sum(
      Tensor direction, Tensor x, Tensor weight, Tensor bias, Optional<Tensor> documents) {
    return convolved(x, weight, Optional.of(bias), documents, Optional.empty())
        .mul(direction)
        .sum();
  }
}
