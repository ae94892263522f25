package dev.hydra.inference;

import dev.hydra.libtorch.runtime.Tensors;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.T_TensorTensor_T;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Reads log-probabilities off logits. */
final class Scores {
  private Scores() {}

  /**
   * Returns the log-probabilities of one token a row: float32 [rows, 1] of logits [rows,
   * vocabulary].
   */
  static Tensor of(Tensor logProbabilities, Tensor tokens) {
    return logProbabilities.gather(-1, tokens);
  }

  /**
   * Scores a token of each row.
   *
   * @param logits [rows, vocabulary]
   * @param top how many of the likeliest tokens to add
   */
  static List<TokenScore> of(Tensor logits, int[] tokens, int top) {
    try (PointerScope scope = new PointerScope()) {
      Tensor all = Tensors.upcast(logits).log_softmax(-1);
      long[] ids = java.util.Arrays.stream(tokens).asLongStream().toArray();
      Tensor index = Tensor.create(ids).view(-1, 1).to(logits.device(), ScalarType.Long);
      double[] chosen = Tensors.numbers(of(all, index));
      int count = (int) Math.min(top, all.size(-1));
      long[] best = new long[0];
      double[] values = new double[0];
      if (count > 0) {
        T_TensorTensor_T likeliest = all.topk(count, -1, true, true);
        values = Tensors.numbers(likeliest.get0());
        best = Tensors.integers(likeliest.get1());
      }
      List<TokenScore> scores = new ArrayList<>();
      for (int i = 0; i < tokens.length; i++) {
        List<TokenScore.Alternative> alternatives = new ArrayList<>();
        for (int k = i * count; k < (i + 1) * count; k++) {
          alternatives.add(new TokenScore.Alternative((int) best[k], values[k]));
        }
        scores.add(new TokenScore(tokens[i], chosen[i], alternatives));
      }
      return scores;
    }
  }
}
