package dev.hydra.memory.pkm;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Against a search that scores every row. */
class ProductKeysTest {
  private static final int TOKENS = 7;
  private static final int HEADS = 3;
  private static final int KEYS = 9;
  private static final int HALF = 4;

  private final double[] queries = random(new Random(1), TOKENS * HEADS * 2 * HALF);
  private final double[] subKeys = random(new Random(2), HEADS * 2 * KEYS * HALF);

  @ParameterizedTest
  @ValueSource(ints = {1, 4, KEYS})
  void findsTheBestOfAllRows(int topK) {
    Scopes.run(
        () -> {
          ProductKeys keys = new ProductKeys(Tensor.create(subKeys, HEADS, 2, KEYS, HALF), topK);
          ProductKeys.Hits hits = keys.search(Tensor.create(queries, TOKENS, HEADS, 2L * HALF));

          long[] rows = Tensors.integers(hits.rows());
          double[] weights = Tensors.numbers(hits.weights());
          assertEquals(HEADS * TOKENS * topK, rows.length);
          for (int head = 0; head < HEADS; head++) {
            for (int token = 0; token < TOKENS; token++) {
              int from = (head * TOKENS + token) * topK;
              List<Integer> best = bestRows(head, token, topK);
              for (int k = 0; k < topK; k++) {
                assertEquals(best.get(k).longValue(), rows[from + k]);
              }
              assertArrayEquals(
                  softmax(best.stream().mapToDouble(scores(head, token)::get).toArray()),
                  Arrays.copyOfRange(weights, from, from + topK),
                  1e-12);
            }
          }
        });
  }

  /** Results and gradients do not depend on how tokens are cut for the product. */
  @Test
  void productsInPiecesAreThoseOfAll() {
    Scopes.run(
        () -> {
          Tensor direction = torch.randn(2, 12, 5);
          Tensor[] all = products(1, direction);
          Tensor[] pieces = products(4, direction);
          for (int i = 0; i < all.length; i++) {
            assertTrue(all[i].allclose(pieces[i], 1e-5, 1e-6, false), "result " + i);
          }
        });
  }

  private static Tensor[] products(long pieces, Tensor direction) {
    Tensor halves = torch.linspace(new Scalar(-1), new Scalar(2), 72).view(2, 12, 3);
    Tensor keys = torch.linspace(new Scalar(1), new Scalar(-3), 30).view(2, 3, 5);
    Tensor x = halves.square().sin().set_requires_grad(true);
    Tensor w = keys.square().cos().set_requires_grad(true);
    Tensor y = ProductKeys.inPieces(x, w, pieces);
    y.mul(direction).sum().backward();
    return new Tensor[] {y.detach(), new Tensor(x.grad()), new Tensor(w.grad())};
  }

  private List<Integer> bestRows(int head, int token, int topK) {
    List<Double> scores = scores(head, token);
    return IntStream.range(0, KEYS * KEYS)
        .boxed()
        .sorted(Comparator.comparing(scores::get).reversed())
        .limit(topK)
        .toList();
  }

  private List<Double> scores(int head, int token) {
    return IntStream.range(0, KEYS * KEYS)
        .mapToObj(row -> score(head, token, 0, row / KEYS) + score(head, token, 1, row % KEYS))
        .toList();
  }

  private double score(int head, int token, int table, int key) {
    double score = 0;
    for (int d = 0; d < HALF; d++) {
      score +=
          queries[((token * HEADS + head) * 2 + table) * HALF + d]
              * subKeys[((head * 2 + table) * KEYS + key) * HALF + d];
    }
    return score;
  }

  private static double[] softmax(double[] scores) {
    double sum = 0;
    for (double score : scores) {
      sum += Math.exp(score);
    }
    double[] weights = new double[scores.length];
    for (int i = 0; i < scores.length; i++) {
      weights[i] = Math.exp(scores[i]) / sum;
    }
    return weights;
  }

  private static double[] random(Random random, int size) {
    return random.doubles(size, -1, 1).toArray();
  }
}
