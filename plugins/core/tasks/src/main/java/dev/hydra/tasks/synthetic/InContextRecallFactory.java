package dev.hydra.tasks.synthetic;

import dev.hydra.api.HydraPlugin;
import dev.hydra.api.Option;
import dev.hydra.api.Settings;
import dev.hydra.tasks.Condition;
import dev.hydra.tasks.Example;
import dev.hydra.tasks.Task;
import dev.hydra.tasks.TaskContext;
import dev.hydra.tasks.TaskFactory;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/**
 * Creates tasks of in-context recall (MAD, arXiv 2403.17844, section 3.1): keys, each followed by
 * its value, which is the same wherever the key stands in one text and another one in other texts.
 * The value of each key that was read before is asked for; the last one always is.
 */
@HydraPlugin("in-context-recall")
public final class InContextRecallFactory implements TaskFactory {
  static final Option<Integer> LENGTH =
      Option.integer("length", "tokens of an example")
          .where(value -> value >= 4 && value % 2 == 0, "an even number of at least 4")
          .orElse(64);
  static final Option<Integer> KEYS =
      Option.integer("keys", "keys that there are").atLeast(1).orElse(16);
  static final Option<Integer> VALUES =
      Option.integer("values", "values that there are").atLeast(2).orElse(16);

  /** Creates the factory, for the registry. */
  public InContextRecallFactory() {}

  @Override
  public List<Option<?>> options() {
    return List.of(LENGTH, KEYS, VALUES);
  }

  @Override
  public Task create(TaskContext from) {
    Settings settings = from.settings();
    return new Recall(settings.get(LENGTH), settings.get(KEYS), settings.get(VALUES));
  }

  private record Recall(int length, int keys, int values) implements Task {
    private static final int UNKNOWN = -1;

    @Override
    public List<String> vocabulary() {
      return Words.all(Words.numbered("k", keys), Words.numbered("v", values));
    }

    @Override
    public List<Condition> conditions() {
      return List.of(new Condition(length + " tokens", length, true, 1.0 / values));
    }

    @Override
    public Example example(int condition, SplittableRandom random) {
      int[] valueOf = new int[keys];
      Arrays.fill(valueOf, UNKNOWN);
      int[] read = new int[length / 2];
      Example.Builder example = new Example.Builder();
      for (int pair = 0; pair < read.length; pair++) {
        boolean last = pair == read.length - 1;
        int key = last ? read[random.nextInt(pair)] : random.nextInt(keys);
        read[pair] = key;
        example.read(key);
        if (valueOf[key] == UNKNOWN) {
          valueOf[key] = keys + random.nextInt(values);
        } else {
          example.ask(valueOf[key]);
        }
        if (!last) {
          example.read(valueOf[key]);
        }
      }
      return example.build();
    }
  }
}
