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
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/**
 * Creates tasks of knowing facts by heart and of believing what was read (Hydra, arXiv 2508.15099,
 * on selective memory). Each subject has an object in a world that never changes; closed book, the
 * question alone is asked. Open book, the text before gives the subject another object, which is
 * the answer then. With another text, it gives objects to others only.
 *
 * <p>A subject of several tokens is known by all of them together: what is known of it cannot lie
 * in the embedding of one token.
 */
@HydraPlugin("facts")
public final class FactsFactory implements TaskFactory {
  static final Option<Integer> SUBJECTS =
      Option.integer("subjects", "subjects, of each of which there is a fact")
          .atLeast(2)
          .orElse(256);
  static final Option<Integer> OBJECTS =
      Option.integer("objects", "objects that there are").atLeast(2).orElse(64);
  static final Option<Integer> READ =
      Option.integer("read", "facts that the text of an open book has").atLeast(1).orElse(4);
  static final Option<Integer> WORLD =
      Option.integer("world", "selects which subject has which object").orElse(0);

  static final Option<Integer> SUBJECT_TOKENS =
      Option.integer("subject-tokens", "tokens that a subject is written with")
          .between(1, 8)
          .orElse(1);
  static final Option<Boolean> OTHER_TEXT =
      Option.flag(
              "other-text",
              "whether questions by heart are also asked after a text about other subjects, a"
                  + " condition of its own")
          .orElse(false);
  static final Option<Integer> QUESTIONS =
      Option.integer(
              "questions",
              "questions of an example; all but the last stand between the facts, ask by"
                  + " chance for one that was read or for one of the world, and are trained on, but"
                  + " not measured")
          .atLeast(1)
          .orElse(1);

  /** Creates the factory, for the registry. */
  public FactsFactory() {}

  @Override
  public List<Option<?>> options() {
    return List.of(SUBJECTS, OBJECTS, READ, WORLD, SUBJECT_TOKENS, OTHER_TEXT, QUESTIONS);
  }

  @Override
  public Task create(TaskContext from) {
    Settings settings = from.settings();
    int subjects = settings.get(SUBJECTS);
    if (settings.get(READ) >= subjects) {
      throw settings.invalid(READ, "must be less than subjects = " + subjects);
    }
    List<Integer> world =
        new SplittableRandom(settings.get(WORLD))
            .ints(subjects, 0, settings.get(OBJECTS))
            .boxed()
            .toList();
    return new Facts(
        world,
        settings.get(OBJECTS),
        settings.get(READ),
        symbols(subjects, settings.get(SUBJECT_TOKENS)),
        settings.get(SUBJECT_TOKENS),
        settings.get(OTHER_TEXT),
        settings.get(QUESTIONS));
  }

  /** Returns how many different tokens write so many subjects. */
  private static int symbols(int subjects, int tokens) {
    int symbols = 1;
    while (Math.pow(symbols, tokens) < subjects) {
      symbols++;
    }
    return symbols;
  }

  private record Facts(
      List<Integer> world,
      int objects,
      int read,
      int symbols,
      int subjectTokens,
      boolean otherText,
      int questions)
      implements Task {
    private static final int CLOSED = 0;
    private static final int OPEN = 1;

    @Override
    public List<String> vocabulary() {
      return Words.all(
          Words.numbered("s", symbols), Words.numbered("o", objects), List.of("fact", "?"));
    }

    @Override
    public List<Condition> conditions() {
      int asking = questions * (1 + subjectTokens); // each after a mark
      int length = (2 + subjectTokens) * read + asking;
      List<Condition> all = new ArrayList<>();
      all.add(new Condition("closed book", asking, true, 1.0 / objects, false));
      all.add(new Condition("open book", length, true, 1.0 / read));
      if (otherText) {
        all.add(new Condition("other text", length, true, 1.0 / objects));
      }
      return List.copyOf(all);
    }

    @Override
    public Example example(int condition, SplittableRandom random) {
      Example.Builder example = new Example.Builder();
      if (condition == CLOSED) {
        for (int i = 1; i < questions; i++) {
          byHeart(random.nextInt(world.size()), example);
        }
        int last = random.nextInt(world.size());
        return ask(last, example).ask(symbols + world.get(last)).build();
      }
      // Of very many subjects a few: Draw.distinct would write them all down.
      int[] subjects = random.ints(0, world.size()).distinct().limit(read + 1L).toArray();
      int[] said = new int[read];
      int asking = 0;
      for (int i = 0; i < read; i++) {
        // Another object than in the world: that of a text counts, not what is known by heart.
        said[i] = symbols + (world.get(subjects[i]) + random.nextInt(1, objects)) % objects;
        example.read(symbols + objects).read(written(subjects[i])).read(said[i]);
        // As many behind each fact, so that one fact is looked up before one of many.
        for (; asking < (questions - 1) * (i + 1) / read; asking++) {
          // By chance: by turns, a question's number would say where its answer is to be sought.
          if (random.nextBoolean()) {
            int one = random.nextInt(i + 1);
            ask(subjects[one], example).train(said[one]);
          } else {
            byHeart(outside(subjects, random), example);
          }
        }
      }
      int asked = condition == OPEN ? random.nextInt(read) : read;
      return ask(subjects[asked], example)
          .ask(condition == OPEN ? said[asked] : symbols + world.get(subjects[asked]))
          .build();
    }

    /** Draws a subject that the text, which is about all but the last of some, says nothing of. */
    private int outside(int[] subjects, SplittableRandom random) {
      while (true) {
        int drawn = random.nextInt(world.size());
        if (Arrays.stream(subjects).limit(read).noneMatch(each -> each == drawn)) {
          return drawn;
        }
      }
    }

    private void byHeart(int subject, Example.Builder example) {
      ask(subject, example).train(symbols + world.get(subject));
    }

    private int[] written(int subject) {
      int[] tokens = new int[subjectTokens];
      int rest = subject;
      for (int i = 0; i < subjectTokens; i++) {
        tokens[i] = rest % symbols;
        rest /= symbols;
      }
      return tokens;
    }

    private Example.Builder ask(int subject, Example.Builder example) {
      return example.read(symbols + objects + 1).read(written(subject));
    }
  }
}
