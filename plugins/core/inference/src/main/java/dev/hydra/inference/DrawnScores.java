package dev.hydra.inference;

import dev.hydra.libtorch.runtime.Tensors;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Scores the drawn tokens of those sessions that want to know. */
final class DrawnScores {
  private DrawnScores() {}

  /** Returns a score for each session, without probabilities where they were not asked for. */
  static List<TokenScore> of(Tensor logits, int[] tokens, List<Session> sessions) {
    List<TokenScore> scores = new ArrayList<>();
    List<Integer> asking = new ArrayList<>();
    int top = 0;
    for (int i = 0; i < tokens.length; i++) {
      scores.add(new TokenScore(tokens[i], Double.NaN, List.of()));
      Request.ScoreRequest wanted = sessions.get(i).request().scores();
      if (wanted.drawn() && tokens[i] != Sampler.NOT_FINITE) {
        asking.add(i);
        top = Math.max(top, wanted.top());
      }
    }
    if (asking.isEmpty()) {
      return scores;
    }
    long[] rows = asking.stream().mapToLong(Integer::longValue).toArray();
    Tensor index = Tensor.create(rows).to(logits.device(), ScalarType.Long);
    int[] chosen = asking.stream().mapToInt(row -> tokens[row]).toArray();
    List<TokenScore> known = Scores.of(Tensors.upcast(logits.index_select(0, index)), chosen, top);
    for (int i = 0; i < chosen.length; i++) {
      int row = asking.get(i);
      TokenScore score = known.get(i);
      int own = Math.min(sessions.get(row).request().scores().top(), score.likeliest().size());
      scores.set(
          row,
          new TokenScore(score.token(), score.logProbability(), score.likeliest().subList(0, own)));
    }
    return scores;
  }
}
