package dev.hydra.tasks.synthetic;

import dev.hydra.api.HydraPlugin;
import dev.hydra.api.Option;
import dev.hydra.api.Settings;
import dev.hydra.tasks.Condition;
import dev.hydra.tasks.Draw;
import dev.hydra.tasks.Example;
import dev.hydra.tasks.Task;
import dev.hydra.tasks.TaskContext;
import dev.hydra.tasks.TaskFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/**
 * Creates tasks of recalling a fact from far back (Hydra, arXiv 2508.15099, on distant premises): a
 * fact gives a name a value, words that say nothing follow, and at the end the value is asked for.
 * Facts about other names stand between, so that the name counts. Each distance is a condition.
 *
 * <p>Several questions may be asked at the end. All but the last are about other facts, and are
 * trained on, but not measured: one answer in a long text teaches little.
 */
@HydraPlugin("distant-premise")
public final class DistantPremiseFactory implements TaskFactory {
  /** A mark, a name, a value. */
  private static final int TOKENS_OF_A_FACT = 3;

  /** A mark, a name. */
  private static final int TOKENS_OF_THE_QUESTION = 2;

  static final Option<List<Integer>> DISTANCES =
      Option.integers("distances", "tokens between the fact and the question, trained on")
          .where(DistantPremiseFactory::positive, "numbers above 0")
          .orElse(List.of(64, 128, 256));
  static final Option<List<Integer>> LONGER =
      Option.integers("longer", "distances that are tested, but not trained on")
          .where(all -> all.isEmpty() || positive(all), "numbers above 0")
          .orElse(List.of(512, 1024));
  static final Option<Integer> OTHERS =
      Option.integer("other-facts", "facts about other names, after the one that is asked for")
          .atLeast(0)
          .orElse(4);
  static final Option<Integer> QUESTIONS =
      Option.integer(
              "questions",
              "questions in a text; all but the last are about other facts, and are trained on, but"
                  + " not measured")
          .atLeast(1)
          .orElse(1);
  static final Option<Integer> NAMES =
      Option.integer("names", "names that there are").atLeast(1).orElse(32);
  static final Option<Integer> VALUES =
      Option.integer("values", "values that there are").atLeast(2).orElse(32);
  static final Option<Integer> WORDS =
      Option.integer("words", "different words that say nothing").atLeast(1).orElse(32);

  /** Creates the factory, for the registry. */
  public DistantPremiseFactory() {}

  private static boolean positive(List<Integer> all) {
    return !all.isEmpty() && all.stream().allMatch(each -> each > 0);
  }

  @Override
  public List<Option<?>> options() {
    return List.of(DISTANCES, LONGER, OTHERS, QUESTIONS, NAMES, VALUES, WORDS);
  }

  @Override
  public Task create(TaskContext from) {
    Settings settings = from.settings();
    int others = settings.get(OTHERS);
    if (settings.get(NAMES) <= others) {
      throw settings.invalid(NAMES, "must be more than other-facts = " + others);
    }
    int questions = settings.get(QUESTIONS);
    if (questions > others + 1) {
      throw settings.invalid(
          QUESTIONS, "must be at most other-facts + 1 = " + (others + 1) + ": one for each fact");
    }
    int shortest = settings.get(DISTANCES).stream().mapToInt(each -> each).min().orElseThrow();
    int between = between(others, questions);
    if (shortest < between) {
      throw settings.invalid(
          DISTANCES,
          "must have room for the other facts and questions: at least " + between + " tokens");
    }
    return new Distant(
        settings.get(DISTANCES),
        settings.get(LONGER),
        others,
        questions,
        settings.get(NAMES),
        settings.get(VALUES),
        settings.get(WORDS));
  }

  /** The fewest tokens between a fact and the question about it. */
  private static int between(int others, int questions) {
    return TOKENS_OF_A_FACT * others + TOKENS_OF_THE_QUESTION * (questions - 1);
  }

  private record Distant(
      List<Integer> trained,
      List<Integer> longer,
      int others,
      int questions,
      int names,
      int values,
      int words)
      implements Task {
    /** The most words before the fact, so that its place from the beginning says nothing. */
    private static final int MOST_BEFORE = 16;

    @Override
    public List<String> vocabulary() {
      return Words.all(
          Words.numbered("n", names),
          Words.numbered("v", values),
          Words.numbered("w", words),
          List.of("fact", "?"));
    }

    private int fact() {
      return names + values + words;
    }

    @Override
    public List<Condition> conditions() {
      List<Condition> all = new ArrayList<>();
      trained.forEach(each -> all.add(condition(each, true)));
      longer.forEach(each -> all.add(condition(each, false)));
      return List.copyOf(all);
    }

    private Condition condition(int distance, boolean trains) {
      int length = MOST_BEFORE + TOKENS_OF_A_FACT + distance + TOKENS_OF_THE_QUESTION;
      // Who knows which values were read guesses among those.
      return new Condition("distance " + distance, length, trains, 1.0 / (others + 1));
    }

    @Override
    public Example example(int condition, SplittableRandom random) {
      int distance =
          condition < trained.size()
              ? trained.get(condition)
              : longer.get(condition - trained.size());
      int[] name = Draw.distinct(others + 1, names, random);
      int[] value = random.ints(others + 1, names, names + values).toArray();
      Example.Builder example = new Example.Builder();
      read(random.nextInt(MOST_BEFORE + 1), example, random);
      example.read(fact(), name[0], value[0]);
      int spare = distance - between(others, questions);
      int[] borders = random.ints(others, 0, spare + 1).sorted().toArray();
      int read = 0;
      for (int i = 0; i < others; i++) {
        read(borders[i] - read, example, random);
        read = borders[i];
        example.read(fact(), name[i + 1], value[i + 1]);
      }
      read(spare - read, example, random);
      for (int asked : Draw.distinct(questions - 1, others, random)) {
        example.read(fact() + 1, name[asked + 1]).train(value[asked + 1]);
      }
      return example.read(fact() + 1, name[0]).ask(value[0]).build();
    }

    private void read(int count, Example.Builder example, SplittableRandom random) {
      for (int i = 0; i < count; i++) {
        example.read(names + values + random.nextInt(words));
      }
    }
  }
}
