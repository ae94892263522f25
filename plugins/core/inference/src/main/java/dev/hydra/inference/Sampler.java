package dev.hydra.inference;

import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.T_TensorTensor_T;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Draws the next token of each row of a batch by operators of the device that the logits are on.
 *
 * <p>A token is the first whose cumulated probability exceeds a random number times the sum of all
 * that are left. Probabilities are cumulated in float64, over the vocabulary as it stands where
 * nothing is to be sorted. What is computed for a row depends on its own settings only, so that the
 * rows beside it do not change what it draws.
 */
final class Sampler {
  /** Stands for a row with logits that are NaN or infinite. */
  static final int NOT_FINITE = -1;

  private Sampler() {}

  /**
   * How a row is drawn; rows of one way are drawn together.
   *
   * @param sorted whether the vocabulary is sorted, or the best of it, {@code topK} if that is not
   *     0
   * @param likely whether tokens that are too unlikely are left out
   */
  record Way(boolean greedy, boolean sorted, int topK, boolean likely) {
    private static Way of(Sampling sampling) {
      return sampling.temperature() == 0
          ? new Way(true, false, 0, false)
          : new Way(
              false,
              sampling.topK() > 0 || sampling.topP() < 1,
              sampling.topK(),
              sampling.minP() > 0);
    }

    /** Returns the way of all rows, if it is one, and their logits are taken as they are. */
    static Optional<Way> common(List<SampledRow> rows) {
      Way first = of(rows.get(0).sampling());
      return rows.stream().allMatch(row -> !row.adjusts() && of(row.sampling()).equals(first))
          ? Optional.of(first)
          : Optional.empty();
    }
  }

  /** The numbers that a row that is not greedy is drawn with. */
  static final int NUMBERS = 4;

  private static final int TEMPERATURE = 0;
  private static final int RANDOM = 1;
  private static final int TOP_P = 2;
  private static final int MIN_P = 3;

  /**
   * Draws. On a GPU this waits for it.
   *
   * @param logits [rows, vocabulary] of any floating type
   * @return the token of each row, {@link #NOT_FINITE} where there is none
   */
  static int[] draw(Tensor logits, List<SampledRow> rows) {
    int[] tokens = new int[rows.size()];
    Scopes.run(
        () -> {
          Tensor all = adjusted(Tensors.upcast(logits), rows);
          Map<Way, List<Integer>> ways = new LinkedHashMap<>();
          for (int i = 0; i < tokens.length; i++) {
            ways.computeIfAbsent(Way.of(rows.get(i).sampling()), way -> new ArrayList<>()).add(i);
          }
          List<Integer> order = new ArrayList<>();
          List<Tensor> drawn = new ArrayList<>();
          ways.forEach(
              (way, members) -> {
                Tensor some = members.size() == tokens.length ? all : part(all, members);
                order.addAll(members);
                Tensor numbers = numbers(way, members.stream().map(rows::get).toList());
                drawn.add(draw(some, way, numbers.to(logits.device(), ScalarType.Double)));
              });
          long[] found = Tensors.integers(Tensors.cat(0, drawn.toArray(Tensor[]::new)));
          for (int i = 0; i < tokens.length; i++) {
            tokens[order.get(i)] = (int) found[i];
          }
        });
    return tokens;
  }

  private static Tensor adjusted(Tensor logits, List<SampledRow> rows) {
    if (rows.stream().noneMatch(SampledRow::adjusts)) {
      return logits;
    }
    Tensor[] changed = new Tensor[rows.size()];
    for (int i = 0; i < changed.length; i++) {
      Tensor row = logits.select(0, i);
      changed[i] = rows.get(i).adjusts() ? rows.get(i).adjusted(row) : row;
    }
    return Tensors.stack(0, changed);
  }

  private static Tensor part(Tensor logits, List<Integer> rows) {
    long[] index = rows.stream().mapToLong(Integer::longValue).toArray();
    return logits.index_select(0, Tensor.create(index).to(logits.device(), ScalarType.Long));
  }

  /**
   * Returns the numbers that rows are drawn with next, float64 [rows, {@link #NUMBERS}] on the
   * host; one of each is random. Of greedy rows there are none.
   */
  static Tensor numbers(Way way, List<SampledRow> rows) {
    if (way.greedy()) {
      return Tensor.create(new double[] {0});
    }
    double[] numbers = new double[NUMBERS * rows.size()];
    for (int i = 0; i < rows.size(); i++) {
      Sampling sampling = rows.get(i).sampling();
      numbers[NUMBERS * i + TEMPERATURE] = sampling.temperature();
      numbers[NUMBERS * i + RANDOM] = rows.get(i).nextDouble();
      numbers[NUMBERS * i + TOP_P] = sampling.topP();
      numbers[NUMBERS * i + MIN_P] = sampling.minP();
    }
    return Tensor.create(numbers).view(-1, NUMBERS);
  }

  /**
   * Draws on the device, without the host.
   *
   * @param given logits [rows, vocabulary] of any floating type
   * @param numbers as {@link #numbers} gives them
   * @return int64 [rows], {@link #NOT_FINITE} where there is none
   */
  static Tensor draw(Tensor given, Way way, Tensor numbers) {
    Optional<LargestLogit> kernels = way.greedy() ? LargestLogit.of(given) : Optional.empty();
    if (kernels.isPresent()) {
      return kernels.get().find(given);
    }
    Tensor logits = Tensors.upcast(given);
    try (Scalar none = new Scalar(NOT_FINITE)) {
      Tensor tokens =
          way.greedy() ? logits.argmax(new LongOptional(-1), false) : sample(logits, way, numbers);
      // A difference of two infinities, and what is computed with NaN, is NaN.
      Tensor finite = logits.sub(logits).sum(-1).isfinite();
      return torch.where(finite, tokens, torch.full_like(tokens, none));
    }
  }

  private static Tensor sample(Tensor logits, Way way, Tensor numbers) {
    Tensor scaled = logits.to(ScalarType.Double).div(numbers.narrow(1, TEMPERATURE, 1));
    Tensor random = numbers.narrow(1, RANDOM, 1);
    if (!way.sorted()) {
      return chosen(likelyEnough(scaled.softmax(-1), way, numbers), random).squeeze(-1);
    }
    T_TensorTensor_T best =
        way.topK() > 0
            ? scaled.topk(Math.min(way.topK(), logits.size(-1)), -1, true, true)
            : scaled.sort(new BoolOptional(true), -1, true);
    Tensor probabilities = best.get0().softmax(-1);
    Tensor before = probabilities.cumsum(-1).sub(probabilities);
    Tensor nucleus = before.lt(numbers.narrow(1, TOP_P, 1));
    Tensor kept = likelyEnough(probabilities.mul(nucleus), way, numbers);
    return best.get1().gather(-1, chosen(kept, random)).squeeze(-1);
  }

  private static Tensor likelyEnough(Tensor probabilities, Way way, Tensor numbers) {
    if (!way.likely()) {
      return probabilities;
    }
    Tensor least = numbers.narrow(1, MIN_P, 1).mul(probabilities.amax(new long[] {-1}, true));
    return probabilities.mul(probabilities.ge(least));
  }

  /** The index int64 [rows, 1] of what a random number below 1 falls on. */
  private static Tensor chosen(Tensor probabilities, Tensor random) {
    Tensor sums = probabilities.cumsum(-1);
    Tensor target = random.mul(Tensors.slice(sums, -1, sums.size(-1) - 1, sums.size(-1)));
    Tensor index = sums.le(target).sum(new long[] {-1}, true, new ScalarTypeOptional());
    try (Scalar last = new Scalar(sums.size(-1) - 1)) {
      return index.clamp_max(last);
    }
  }
}
