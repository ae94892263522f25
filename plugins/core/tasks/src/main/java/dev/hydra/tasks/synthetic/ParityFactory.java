package dev.hydra.tasks.synthetic;

import dev.hydra.api.HydraPlugin;
import dev.hydra.api.Option;
import dev.hydra.api.Settings;
import dev.hydra.tasks.Condition;
import dev.hydra.tasks.Example;
import dev.hydra.tasks.Task;
import dev.hydra.tasks.TaskContext;
import dev.hydra.tasks.TaskFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/**
 * Creates tasks of counting modulo a number: with 2 that is parity, the smallest task of state
 * tracking, on which linear recurrences without negative eigenvalues fail (arXiv 2411.12537).
 * Digits are read, and the sum of all is asked for after the last. Longer sequences than trained on
 * show whether a model has learned the recurrence or a table.
 */
@HydraPlugin("parity")
public final class ParityFactory implements TaskFactory {
  static final Option<Integer> MODULUS =
      Option.integer("modulus", "what is counted modulo; 2 is parity").atLeast(2).orElse(2);
  static final Option<Integer> LENGTH =
      Option.integer("length", "the most digits that are trained on").atLeast(2).orElse(40);
  static final Option<Integer> SHORTEST =
      Option.integer("shortest", "the fewest digits that are trained on").atLeast(1).orElse(3);
  static final Option<List<Integer>> LONGER =
      Option.integers("longer", "numbers of digits that are tested, but not trained on")
          .where(all -> all.stream().allMatch(each -> each > 1), "numbers above 1")
          .orElse(List.of(80, 160));
  static final Option<Boolean> PREFIXES =
      Option.flag("prefixes", "whether the sum of each prefix is trained on, too").orElse(true);

  /** Creates the factory, for the registry. */
  public ParityFactory() {}

  @Override
  public List<Option<?>> options() {
    return List.of(MODULUS, LENGTH, SHORTEST, LONGER, PREFIXES);
  }

  @Override
  public Task create(TaskContext from) {
    Settings settings = from.settings();
    if (settings.get(SHORTEST) > settings.get(LENGTH)) {
      throw settings.invalid(SHORTEST, "must be at most length = " + settings.get(LENGTH));
    }
    return new Parity(
        settings.get(MODULUS),
        settings.get(SHORTEST),
        settings.get(LENGTH),
        settings.get(LONGER),
        settings.get(PREFIXES));
  }

  private record Parity(
      int modulus, int shortest, int length, List<Integer> longer, boolean prefixes)
      implements Task {
    @Override
    public List<String> vocabulary() {
      return Words.numbered("", modulus);
    }

    @Override
    public List<Condition> conditions() {
      List<Condition> all = new ArrayList<>();
      all.add(condition("to " + length + " digits", length, true));
      longer.forEach(each -> all.add(condition(each + " digits", each, false)));
      return List.copyOf(all);
    }

    private Condition condition(String name, int digits, boolean trained) {
      return new Condition(name, digits, trained, 1.0 / modulus);
    }

    @Override
    public Example example(int condition, SplittableRandom random) {
      int digits =
          condition == 0 ? random.nextInt(shortest, length + 1) : longer.get(condition - 1);
      Example.Builder example = new Example.Builder();
      int sum = 0;
      for (int i = 0; i < digits; i++) {
        int digit = random.nextInt(modulus);
        sum = (sum + digit) % modulus;
        example.read(digit);
        if (i == digits - 1) {
          example.ask(sum);
        } else if (prefixes) {
          example.train(sum);
        }
      }
      return example.build();
    }
  }
}
