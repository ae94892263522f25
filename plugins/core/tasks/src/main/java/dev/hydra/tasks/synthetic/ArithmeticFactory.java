package dev.hydra.tasks.synthetic;

import dev.hydra.api.HydraPlugin;
import dev.hydra.api.Option;
import dev.hydra.api.Settings;
import dev.hydra.tasks.Condition;
import dev.hydra.tasks.Example;
import dev.hydra.tasks.Task;
import dev.hydra.tasks.TaskContext;
import dev.hydra.tasks.TaskFactory;
import java.util.List;
import java.util.SplittableRandom;

/**
 * Creates tasks of arithmetic (Hydra, arXiv 2508.15099, on expert specialisation): two numbers, an
 * operation, and the result digit by digit. Each operation is a condition. No problem that is
 * tested is trained on.
 */
@HydraPlugin("arithmetic")
public final class ArithmeticFactory implements TaskFactory {
  private static final String SIGNS = "+-*";

  static final Option<List<String>> OPERATIONS =
      Option.texts("operations", "some of + - *, each a condition")
          .where(
              all ->
                  !all.isEmpty()
                      && all.stream().allMatch(each -> each.length() == 1 && SIGNS.contains(each)),
              "some of + - *")
          .orElse(List.of("+", "-", "*"));
  static final Option<Integer> DIGITS =
      Option.integer("digits", "digits of the two numbers").between(1, 8).orElse(3);
  static final Option<Boolean> LOWEST_FIRST =
      Option.flag("lowest-first", "whether the lowest digit of the result comes first")
          .orElse(false);

  /** Creates the factory, for the registry. */
  public ArithmeticFactory() {}

  @Override
  public List<Option<?>> options() {
    return List.of(OPERATIONS, DIGITS, LOWEST_FIRST);
  }

  @Override
  public Task create(TaskContext from) {
    Settings settings = from.settings();
    return new Arithmetic(
        settings.get(OPERATIONS), settings.get(DIGITS), settings.get(LOWEST_FIRST));
  }

  private record Arithmetic(List<String> operations, int digits, boolean lowestFirst)
      implements Task {
    private static final int TEN = 10;

    @Override
    public List<String> vocabulary() {
      return Words.all(Words.numbered("", TEN), List.of("+", "-", "*", "="));
    }

    private int sign(String operation) {
      return TEN + SIGNS.indexOf(operation);
    }

    private int equals() {
      return TEN + SIGNS.length();
    }

    @Override
    public List<Condition> conditions() {
      return operations.stream()
          .map(
              each ->
                  new Condition(
                      each,
                      2 * digits + 2 + resultDigits(each) - 1, // the last digit is not read
                      true,
                      Math.pow(TEN, -resultDigits(each))))
          .toList();
    }

    private int resultDigits(String operation) {
      return switch (operation) {
        case "+" -> digits + 1;
        case "-" -> digits;
        default -> 2 * digits;
      };
    }

    @Override
    public Example example(int condition, SplittableRandom random) {
      String operation = operations.get(condition);
      long bound = (long) Math.pow(TEN, digits);
      long one = random.nextLong(bound);
      long two = random.nextLong(bound);
      long first = operation.equals("-") ? Math.max(one, two) : one; // the result has no sign
      long second = operation.equals("-") ? Math.min(one, two) : two;
      long result =
          switch (operation) {
            case "+" -> first + second;
            case "-" -> first - second;
            default -> first * second;
          };
      return new Example.Builder()
          .read(digits(first, digits))
          .read(sign(operation))
          .read(digits(second, digits))
          .read(equals())
          .answer(result(result, resultDigits(operation)))
          .build();
    }

    private int[] result(long number, int count) {
      int[] highestFirst = digits(number, count);
      if (!lowestFirst) {
        return highestFirst;
      }
      int[] turned = new int[count];
      for (int i = 0; i < count; i++) {
        turned[i] = highestFirst[count - 1 - i];
      }
      return turned;
    }

    /** All digits of a number, with zeros before it, so that every number takes as many. */
    private static int[] digits(long number, int count) {
      int[] all = new int[count];
      long rest = number;
      for (int i = count - 1; i >= 0; i--) {
        all[i] = (int) (rest % TEN);
        rest /= TEN;
      }
      return all;
    }
  }
}
