package dev.hydra.tasks.text;

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
 * Creates tasks of finding a needle in a real text (Kamradt 2023; RULER, arXiv 2404.06654, NIAH): a
 * sentence that gives a name a number stands somewhere in a text that has nothing to do with it,
 * with others of other names, and at its end the number of the name is asked for, digit by digit.
 * Each length of the text is a condition; the needle may stand anywhere in it. What is tested
 * stands in parts of the text that are not trained on.
 *
 * <p>Several needles may be asked for, one after the other. Only the first answer is measured, as
 * those after it can be guessed from fewer numbers.
 */
@HydraPlugin("needle")
public final class NeedleFactory implements TaskFactory {
  private static final int TEN = 10;

  static final Option<String> FILE = Option.text("file", "the text, plain or .gz");
  static final Option<List<Integer>> LENGTHS =
      Option.integers("lengths", "bytes of an example, trained on")
          .where(NeedleFactory::positive, "numbers above 0")
          .orElse(List.of(256, 512, 1024));
  static final Option<List<Integer>> LONGER =
      Option.integers("longer", "bytes of examples that are tested, but not trained on")
          .where(all -> all.isEmpty() || positive(all), "numbers above 0")
          .orElse(List.of(2048, 4096));
  static final Option<Integer> NEEDLES =
      Option.integer("needles", "needles in the text").atLeast(1).orElse(2);
  static final Option<Integer> QUESTIONS =
      Option.integer(
              "questions",
              "needles that are asked for; all but the first are trained on, but not measured")
          .atLeast(1)
          .orElse(1);
  static final Option<Integer> NAMES =
      Option.integer("names", "names that there are, letters").between(1, 26).orElse(26);
  static final Option<Integer> DIGITS =
      Option.integer("digits", "digits of a number").between(1, 9).orElse(2);
  static final Option<Boolean> LANGUAGE_MODEL =
      Option.flag(
              "language-model",
              "whether every byte that is read is predicted, too, and trained on, not measured")
          .orElse(false);

  /** Creates the factory, for the registry. */
  public NeedleFactory() {}

  private static boolean positive(List<Integer> all) {
    return !all.isEmpty() && all.stream().allMatch(each -> each > 0);
  }

  @Override
  public List<Option<?>> options() {
    return List.of(FILE, LENGTHS, LONGER, NEEDLES, QUESTIONS, NAMES, DIGITS, LANGUAGE_MODEL);
  }

  @Override
  public Task create(TaskContext from) {
    Settings settings = from.settings();
    TextFile text;
    try {
      text = TextFile.read(settings.get(FILE), from.roots());
    } catch (IllegalArgumentException e) {
      throw settings.invalid(FILE, String.valueOf(e.getMessage()));
    }
    if (settings.get(NEEDLES) > settings.get(NAMES)) {
      throw settings.invalid(NEEDLES, "must be at most names = " + settings.get(NAMES));
    }
    if (settings.get(QUESTIONS) > settings.get(NEEDLES)) {
      throw settings.invalid(QUESTIONS, "must be at most needles = " + settings.get(NEEDLES));
    }
    Needle needle =
        new Needle(
            text,
            settings.get(LENGTHS),
            settings.get(LONGER),
            settings.get(NEEDLES),
            settings.get(QUESTIONS),
            settings.get(NAMES),
            settings.get(DIGITS),
            settings.get(LANGUAGE_MODEL));
    for (Option<List<Integer>> option : List.of(LENGTHS, LONGER)) {
      for (int length : settings.get(option)) {
        if (needle.hay(length) < 0 || needle.hay(length) >= text.longest()) {
          throw settings.invalid(
              option,
              length
                  + " is not between the needles' and questions' own "
                  + -needle.hay(0)
                  + " and what the parts of the text have, "
                  + text.longest());
        }
      }
    }
    return needle;
  }

  private record Needle(
      TextFile text,
      List<Integer> trained,
      List<Integer> longer,
      int needles,
      int questions,
      int names,
      int digits,
      boolean languageModel)
      implements Task {
    @Override
    public List<String> vocabulary() {
      return Bytes.vocabulary();
    }

    @Override
    public List<Condition> conditions() {
      List<Condition> all = new ArrayList<>();
      trained.forEach(each -> all.add(condition(each, true)));
      longer.forEach(each -> all.add(condition(each, false)));
      return List.copyOf(all);
    }

    private Condition condition(int length, boolean trains) {
      // Who knows which numbers were read guesses among those.
      return new Condition(length + " bytes", length, trains, 1.0 / needles);
    }

    private static String question(int name) {
      return " The number of " + (char) ('A' + name) + " is ";
    }

    private int[] sentence(int name, int number) {
      return Bytes.of(question(name) + number(number) + ".");
    }

    private String number(int number) {
      return String.format("%0" + digits + "d", number);
    }

    /** Returns the bytes of the text in an example of so many; below 0 if it has no room. */
    int hay(int length) {
      int unread = 2; // the last digit and full stop of the example
      return length - (needles + questions) * sentence(0, 0).length + unread;
    }

    @Override
    public Example example(int condition, SplittableRandom random) {
      return example(condition, Split.TRAINING, random);
    }

    @Override
    public Example example(int condition, Split split, SplittableRandom random) {
      int length =
          condition < trained.size()
              ? trained.get(condition)
              : longer.get(condition - trained.size());
      int[] hay = text.window(hay(length), split, random);
      int[] name = Draw.distinct(needles, names, random);
      int bound = IntStream.range(0, digits).reduce(1, (power, i) -> power * TEN);
      int[] number = random.ints(needles, 0, bound).toArray();
      int[] place = random.ints(needles, 0, hay.length + 1).sorted().toArray();
      Example.Builder example = new Example.Builder();
      int next = 0;
      for (int i = 0; i <= hay.length; i++) {
        while (next < needles && place[next] == i) {
          read(example, sentence(name[next], number[next]));
          next++;
        }
        if (i < hay.length) {
          read(example, hay[i]);
        }
      }
      int[] asked = Draw.distinct(questions, needles, random);
      read(example, Bytes.of(question(name[asked[0]])));
      example.answer(Bytes.of(number(number[asked[0]])));
      for (int i = 1; i < questions; i++) {
        String before = number(number[asked[i - 1]]);
        example.read(Bytes.of(before.substring(digits - 1)));
        read(example, Bytes.of("." + question(name[asked[i]])));
        train(example, Bytes.of(number(number[asked[i]])));
      }
      return example.build();
    }

    private void read(Example.Builder example, int... text) {
      if (languageModel) {
        example.follow(text);
      } else {
        example.read(text);
      }
    }

    private static void train(Example.Builder example, int[] answer) {
      example.train(answer[0]);
      for (int i = 1; i < answer.length; i++) {
        example.read(answer[i - 1]).train(answer[i]);
      }
    }
  }
}
