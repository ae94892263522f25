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
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/**
 * Creates tasks of multi-query associative recall (Zoology, arXiv 2312.04927, section 3.2 and
 * appendix E.1): pairs of a key and a value, then the keys again, each of which asks for its value.
 * The gaps to the queries follow a power law; between them stand values, which no key precedes.
 */
@HydraPlugin("mqar")
public final class MqarFactory implements TaskFactory {
  static final Option<Integer> PAIRS =
      Option.integer("pairs", "pairs of a key and a value, each asked for once")
          .atLeast(1)
          .orElse(8);
  static final Option<List<Integer>> FEWER =
      Option.integers(
              "fewer", "smaller numbers of pairs, each a condition too: they are learnt sooner")
          .where(all -> all.stream().allMatch(each -> each > 0), "numbers above 0")
          .orElse(List.of());
  static final Option<Integer> LENGTH =
      Option.integer("length", "tokens of an example, at least four for each pair")
          .atLeast(4)
          .orElse(64);
  static final Option<Integer> KEYS =
      Option.integer("keys", "keys that there are").atLeast(1).orElse(64);
  static final Option<Integer> VALUES =
      Option.integer("values", "values that there are").atLeast(2).orElse(64);
  static final Option<Double> POWER =
      Option.decimal("power", "the exponent of the power law of gaps; small: long gaps")
          .where(value -> value > 0, "above 0")
          .orElse(0.01);

  /** Creates the factory, for the registry. */
  public MqarFactory() {}

  @Override
  public List<Option<?>> options() {
    return List.of(PAIRS, FEWER, LENGTH, KEYS, VALUES, POWER);
  }

  @Override
  public Task create(TaskContext from) {
    Settings settings = from.settings();
    int pairs = settings.get(PAIRS);
    if (settings.get(LENGTH) < 4 * pairs) {
      throw settings.invalid(
          LENGTH, "must be at least 4 x pairs = " + 4 * pairs + ": each is read, and asked for");
    }
    if (settings.get(KEYS) < pairs) {
      throw settings.invalid(KEYS, "must be at least pairs = " + pairs);
    }
    if (settings.get(FEWER).stream().anyMatch(each -> each >= pairs)) {
      throw settings.invalid(FEWER, "must all be below pairs = " + pairs);
    }
    List<Integer> all = new ArrayList<>(settings.get(FEWER));
    all.add(pairs);
    return new Mqar(
        List.copyOf(all),
        settings.get(LENGTH),
        settings.get(KEYS),
        settings.get(VALUES),
        settings.get(POWER));
  }

  private record Mqar(List<Integer> all, int length, int keys, int values, double power)
      implements Task {
    @Override
    public List<String> vocabulary() {
      return Words.all(Words.numbered("k", keys), Words.numbered("v", values));
    }

    @Override
    public List<Condition> conditions() {
      return all.stream()
          .map(pairs -> new Condition(pairs + " pairs", length, true, 1.0 / values))
          .toList();
    }

    @Override
    public Example example(int condition, SplittableRandom random) {
      int pairs = all.get(condition);
      int[] key = Draw.distinct(pairs, keys, random);
      int[] value = new int[pairs];
      Example.Builder example = new Example.Builder();
      for (int i = 0; i < pairs; i++) {
        value[i] = keys + random.nextInt(values);
        example.read(key[i], value[i]);
      }
      int[] asked = places(pairs, random);
      for (int place = 0; place < asked.length; place++) {
        if (asked[place] < 0) {
          example.read(noise(random));
        } else {
          example.read(key[asked[place]]).ask(value[asked[place]]);
        }
        example.read(noise(random));
      }
      return example.build();
    }

    private int noise(SplittableRandom random) {
      return keys + random.nextInt(values);
    }

    /** Returns which pair each place asks for, -1 for none; a place is two tokens. */
    private int[] places(int pairs, SplittableRandom random) {
      int[] asked = new int[(length - 2 * pairs) / 2];
      Arrays.fill(asked, -1);
      List<Integer> free = new ArrayList<>();
      for (int i = 0; i < asked.length; i++) {
        free.add(i);
      }
      for (int pair = 0; pair < pairs; pair++) {
        double[] weights = new double[free.size()];
        double sum = 0;
        for (int i = 0; i < weights.length; i++) {
          weights[i] = power * Math.pow(free.get(i) + 1.0, power - 1);
          sum += weights[i];
        }
        double left = random.nextDouble() * sum;
        int chosen = 0;
        while (chosen < weights.length - 1 && left >= weights[chosen]) {
          left -= weights[chosen++];
        }
        asked[free.remove(chosen)] = pair;
      }
      return asked;
    }
  }
}
