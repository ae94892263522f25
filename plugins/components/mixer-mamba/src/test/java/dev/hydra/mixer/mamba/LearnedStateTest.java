package dev.hydra.mixer.mamba;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.RandomInput;
import java.util.Arrays;
import java.util.Optional;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class LearnedStateTest {
  private static final int HEADS = 4;
  private static final int HEAD_DIM = 3;
  private static final int GROUPS = 2;
  private static final int STATE = 5;
  private static final int TIME = 500;

  /** Also in float32, where sums over all tokens would blur the decays of the last documents. */
  @ParameterizedTest
  @EnumSource(
      value = ScalarType.class,
      names = {"Double", "Float"})
  void everyDocumentStartsFromIt(ScalarType type) {
    try (PointerScope scope = new PointerScope()) {
      RandomInput random = new RandomInput();
      Tensor documents = random.documents(1, TIME);
      Tensor x = random.values(1, TIME, HEADS, HEAD_DIM);
      double[] steps = Tensors.numbers(Tensors.mul(random.values(1, TIME, HEADS).exp(), 0.1));
      steps[70 * HEADS] = 1e30; // what has decayed does not matter to the documents after it
      Tensor a = random.values(HEADS).exp().neg();
      Tensor b = random.values(1, TIME, GROUPS, STATE);
      Tensor c = random.values(1, TIME, GROUPS, STATE);
      Tensor state = random.values(HEADS, HEAD_DIM, STATE);
      Tensor zeros = Tensors.zeros(x, Tensors.sizes(x));

      ScanInput in =
          new ScanInput(
              zeros.to(type),
              Tensor.create(steps).view(1, TIME, HEADS).to(type),
              a.to(type),
              b.to(type),
              c.to(type),
              Optional.of(documents),
              Optional.empty());
      Tensor y = new LearnedState(state.to(type)).read(in, documents);

      // What a document reads of the state alone is its y for inputs of zero.
      long[] numbers = Tensors.integers(documents);
      double[] expected = new double[TIME * HEADS * HEAD_DIM];
      int from = 0;
      for (int to = 1; to <= TIME; to++) {
        if (to == TIME || numbers[to] != numbers[from]) {
          NaiveSsd naive = new NaiveSsd(1, to - from, HEADS, HEAD_DIM, GROUPS, STATE);
          System.arraycopy(Tensors.numbers(state), 0, naive.h, 0, naive.h.length);
          naive.run(
              new double[naive.y.length],
              Arrays.copyOfRange(steps, from * HEADS, to * HEADS),
              Tensors.numbers(a),
              part(b, from, to),
              part(c, from, to),
              new long[to - from]);
          System.arraycopy(naive.y, 0, expected, from * HEADS * HEAD_DIM, naive.y.length);
          from = to;
        }
      }
      double bound = type == ScalarType.Double ? 1e-10 : 1e-4;
      assertArrayEquals(expected, Tensors.numbers(y), bound);
    }
  }

  private static double[] part(Tensor tensor, int from, int to) {
    return Tensors.numbers(Tensors.slice(tensor, 1, from, to));
  }
}
