package dev.hydra.tasks.synthetic;

import dev.hydra.api.HydraPlugin;
import dev.hydra.api.Option;
import dev.hydra.api.Settings;
import dev.hydra.tasks.Condition;
import dev.hydra.tasks.Draw;
import dev.hydra.tasks.Example;
import dev.hydra.tasks.Split;
import dev.hydra.tasks.Task;
import dev.hydra.tasks.TaskContext;
import dev.hydra.tasks.TaskFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/**
 * Creates tasks of following implications (Hydra, arXiv 2508.15099, section on multi-step logic):
 * premises such as {@code A > B .} in random order, and the question where a chain that begins at a
 * letter ends, k steps further on. The distractors are chains of other letters, so that neither the
 * letters nor their number in premises tell the end of the right one from the ends of others.
 *
 * <p>Several questions may be asked in one text. All but the last are of any letter of any chain
 * and are trained only: one text then teaches all numbers of steps up to its own.
 */
@HydraPlugin("implication-chain")
public final class ImplicationChainFactory implements TaskFactory {
  static final Option<List<Integer>> STEPS =
      Option.integers("steps", "numbers of steps, each a condition")
          .where(all -> !all.isEmpty() && all.stream().allMatch(k -> k > 0), "numbers above 0")
          .orElse(List.of(2, 3, 4, 5));
  static final Option<Integer> DISTRACTORS =
      Option.integer("distractors", "premises of other chains").atLeast(0).orElse(10);
  static final Option<Integer> LETTERS =
      Option.integer("letters", "letters that there are").atLeast(3).orElse(26);

  static final Option<Integer> QUESTIONS =
      Option.integer(
              "questions",
              "questions in a text; all but the last begin anywhere in any chain, and are trained"
                  + " on, but not measured")
          .atLeast(1)
          .orElse(1);

  static final Option<Double> EASIER =
      Option.decimal(
              "easier",
              "part of the texts to train on that have fewer steps and distractors, down to one and"
                  + " none, and more questions in their place")
          .where(part -> part >= 0 && part <= 1, "from 0 to 1")
          .orElse(0.0);

  /** Creates the factory, for the registry. */
  public ImplicationChainFactory() {}

  @Override
  public List<Option<?>> options() {
    return List.of(STEPS, DISTRACTORS, LETTERS, QUESTIONS, EASIER);
  }

  @Override
  public Task create(TaskContext from) {
    Settings settings = from.settings();
    Chains chains =
        new Chains(
            settings.get(STEPS),
            settings.get(DISTRACTORS),
            settings.get(LETTERS),
            settings.get(QUESTIONS),
            settings.get(EASIER));
    int needed = chains.most();
    if (settings.get(LETTERS) < needed) {
      throw settings.invalid(
          LETTERS, "must be at least " + needed + " for so many steps and distractors");
    }
    return chains;
  }

  private record Chains(
      List<Integer> steps, int distractors, int letters, int questions, double easier)
      implements Task {
    private static final int TOKENS_OF_A_PREMISE = 4;
    private static final int TOKENS_OF_THE_QUESTION = 2;

    @Override
    public List<String> vocabulary() {
      return Words.all(
          letters <= 26
              ? IntStream.range(0, letters).mapToObj(i -> String.valueOf((char) ('A' + i))).toList()
              : Words.numbered("L", letters),
          List.of(">", ".", "?"));
    }

    private int arrow() {
      return letters;
    }

    private int stop() {
      return letters + 1;
    }

    private int question() {
      return letters + 2;
    }

    /** The fewest letters with which every example can be made. */
    int most() {
      int longest = steps.stream().mapToInt(k -> k).max().orElseThrow();
      int shortest = easier > 0 ? 1 : steps.stream().mapToInt(k -> k).min().orElseThrow();
      // The distractors are chains as long as the question's or the shortest, and a rest.
      return longest + 1 + distractors + (distractors + shortest - 1) / shortest;
    }

    @Override
    public List<Condition> conditions() {
      return steps.stream()
          .map(
              k ->
                  new Condition(
                      "k=" + k,
                      TOKENS_OF_A_PREMISE * (k + distractors) + TOKENS_OF_THE_QUESTION * questions,
                      true,
                      1.0 / (1 + chains(k, distractors).size())))
          .toList();
    }

    /** Returns the lengths of the chains of distractors. */
    private List<Integer> chains(int k, int distractors) {
      List<Integer> lengths = new ArrayList<>();
      for (int left = distractors; left > 0; left -= k) {
        lengths.add(Math.min(k, left));
      }
      return lengths;
    }

    @Override
    public Example example(int condition, SplittableRandom random) {
      return example(steps.get(condition), distractors, questions, random);
    }

    @Override
    public Example example(int condition, Split split, SplittableRandom random) {
      int most = steps.get(condition);
      if (split != Split.TRAINING || random.nextDouble() >= easier) {
        return example(condition, random);
      }
      int k = 1 + random.nextInt(most);
      int others = random.nextInt(distractors + 1);
      int saved = TOKENS_OF_A_PREMISE * (most + distractors - k - others);
      return example(k, others, questions + saved / TOKENS_OF_THE_QUESTION, random);
    }

    private Example example(int k, int distractors, int questions, SplittableRandom random) {
      List<Integer> lengths = chains(k, distractors);
      int[] letter = Draw.distinct(k + 1 + distractors + lengths.size(), letters, random);
      int[][] premises = new int[k + distractors][];
      int[] end = new int[premises.length]; // of the chain that a premise is of
      int used = 0;
      int premise = 0;
      lengths.add(0, k);
      for (int length : lengths) {
        for (int i = 0; i < length; i++) {
          end[premise] = letter[used + length];
          premises[premise++] = new int[] {letter[used + i], letter[used + i + 1]};
        }
        used += length + 1;
      }
      int[][] ordered = premises.clone();
      Draw.shuffle(premises, random);
      Example.Builder example = new Example.Builder();
      for (int[] each : premises) {
        example.read(each[0], arrow(), each[1], stop());
      }
      for (int i = 1; i < questions; i++) {
        int other = random.nextInt(ordered.length);
        example.read(question(), ordered[other][0]).train(end[other]);
      }
      return example.read(question(), letter[0]).ask(letter[k]).build();
    }
  }
}
