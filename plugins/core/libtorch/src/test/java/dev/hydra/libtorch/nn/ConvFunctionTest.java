package dev.hydra.libtorch.nn;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.FiniteDifferences;
import dev.hydra.testing.InScope;
import dev.hydra.testing.Samples;
import java.util.List;
import java.util.Optional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@ExtendWith(InScope.class)
class ConvFunctionTest {
  private static final int BATCH = 2;
  private static final int CHANNELS = 3;

  @ParameterizedTest
  @CsvSource({"9, 4", "2, 4", "1, 2", "30, 5"})
  void agreesWithLibTorch(int time, int kernel) {
    Tensor x = Samples.normal(BATCH, time, CHANNELS);
    Tensor weight = Samples.normal(CHANNELS, 1, kernel);
    Tensor bias = Samples.normal(CHANNELS);
    Tensor before = Samples.normal(BATCH, kernel - 1, CHANNELS);
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
    return ConvFunction.compute(new ConvInput(x, weight, bias, documents, past));
  }

  private static void assertSame(Tensor beforeSilu, Tensor actual) {
    assertArrayEquals(Tensors.numbers(torch.silu(beforeSilu)), Tensors.numbers(actual), 1e-12);
  }

  @Test
  void seesOneDocumentOnly() {
    Tensor x = Samples.normal(1, 9, CHANNELS);
    Tensor weight = Samples.normal(CHANNELS, 1, 4);
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
    Tensor x = Samples.parameter(BATCH, time, CHANNELS);
    Tensor weight = Samples.parameter(CHANNELS, 1, 4);
    Tensor bias = Samples.parameter(CHANNELS);
    Tensor documents = Tensors.range(0, time, x).floor_divide(new Scalar(7L)).repeat(BATCH, 1);
    FiniteDifferences.checkFunction(
        in ->
            new Tensor[] {
              convolved(in[0], in[1], Optional.of(in[2]), Optional.of(documents), Optional.empty())
            },
        x,
        weight,
        bias);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 9})
  void inputsBeforeTheFirstCountInTheGradientOfTheWeight(int time) {
    Tensor past = Samples.normal(BATCH, 3, CHANNELS);
    Tensor documents = Tensors.range(0, time, past).floor_divide(new Scalar(4L)).repeat(BATCH, 1);
    for (Optional<Tensor> packed : List.of(Optional.<Tensor>empty(), Optional.of(documents))) {
      FiniteDifferences.checkFunction(
          in -> new Tensor[] {convolved(in[0], in[1], Optional.empty(), packed, Optional.of(past))},
          Samples.parameter(BATCH, time, CHANNELS),
          Samples.parameter(CHANNELS, 1, 4));
    }
  }
}
