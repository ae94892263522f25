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
 * Creates tasks of knowing facts by heart and of believing what was read (Hydra, arXiv 2508.15099,
 * on selective memory). Each subject has an object in a world that never changes; closed book, the
 * question alone is asked. Open book, the text before gives the subject another object, which is
 * the answer then.
 */
@HydraPlugin("facts")
public final class FactsFactory implements TaskFactory {
  /** A mark, a subject, an object. */
  private static final int TOKENS_OF_A_FACT = 3;

  /** A mark, a subject. */
  private static final int TOKENS_OF_THE_QUESTION = 2;

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

  /** Creates the factory, for the registry. */
  public FactsFactory() {}

  @Override
  public List<Option<?>> options() {
    return List.of(SUBJECTS, OBJECTS, READ, WORLD);
  }

  @Override
  public Task create(TaskContext from) {
    Settings settings = from.settings();
    int subjects = settings.get(SUBJECTS);
    if (settings.get(READ) > subjects) {
      throw settings.invalid(READ, "must be at most subjects = " + subjects);
    }
    int[] world =
        new SplittableRandom(settings.get(WORLD))
            .ints(subjects, 0, settings.get(OBJECTS))
            .toArray();
    return new Facts(world, settings.get(OBJECTS), settings.get(READ));
  }

  private static final class Facts implements Task {
    private static final int CLOSED = 0;

    private final int[] world;
    private final int objects;
    private final int read;

    Facts(int[] world, int objects, int read) {
      this.world = world;
      this.objects = objects;
      this.read = read;
    }

    @Override
    public List<String> vocabulary() {
      return Words.all(
          Words.numbered("s", world.length), Words.numbered("o", objects), List.of("fact", "?"));
    }

    @Override
    public List<Condition> conditions() {
      int length = TOKENS_OF_A_FACT * read + TOKENS_OF_THE_QUESTION;
      return List.of(
          new Condition("closed book", TOKENS_OF_THE_QUESTION, true, 1.0 / objects, false),
          new Condition("open book", length, true, 1.0 / read));
    }

    @Override
    public Example example(int condition, SplittableRandom random) {
      Example.Builder example = new Example.Builder();
      if (condition == CLOSED) {
        int subject = random.nextInt(world.length);
        return ask(subject, world[subject], example);
      }
      int[] subjects = Draw.distinct(read, world.length, random);
      int asked = random.nextInt(read);
      int answer = 0;
      for (int i = 0; i < read; i++) {
        // Another object than in the world: that of a text counts, not what is known by heart.
        int object = (world[subjects[i]] + random.nextInt(1, objects)) % objects;
        answer = i == asked ? object : answer;
        example.read(world.length + objects, subjects[i], world.length + object);
      }
      return ask(subjects[asked], answer, example);
    }

    private Example ask(int subject, int object, Example.Builder example) {
      return example.read(world.length + objects + 1, subject).ask(world.length + object).build();
    }
  }
}
