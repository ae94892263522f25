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
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/**
 * Creates tasks of selective copying (MAD, arXiv 2403.17844, section 3.1; Mamba, arXiv 2312.00752,
 * section 4.1.1): tokens stand at random places among blanks, and are to be told again in their
 * order at the end. What is told is not read, so that each token is remembered by itself.
 */
@HydraPlugin("selective-copy")
public final class SelectiveCopyFactory implements TaskFactory {
  static final Option<Integer> TOKENS =
      Option.integer("tokens", "tokens to be copied").atLeast(1).orElse(8);
  static final Option<Integer> LENGTH =
      Option.integer("length", "tokens of an example, blanks and what is asked for included")
          .atLeast(3)
          .orElse(64);
  static final Option<Integer> VOCABULARY =
      Option.integer("vocabulary", "different tokens to be copied").atLeast(2).orElse(16);

  /** Creates the factory, for the registry. */
  public SelectiveCopyFactory() {}

  @Override
  public List<Option<?>> options() {
    return List.of(TOKENS, LENGTH, VOCABULARY);
  }

  @Override
  public Task create(TaskContext from) {
    Settings settings = from.settings();
    int tokens = settings.get(TOKENS);
    if (settings.get(LENGTH) < 2 * tokens) {
      throw settings.invalid(
          LENGTH, "must be at least 2 x tokens = " + 2 * tokens + ": each is read, and asked for");
    }
    return new Copying(tokens, settings.get(LENGTH), settings.get(VOCABULARY));
  }

  private record Copying(int tokens, int length, int different) implements Task {
    @Override
    public List<String> vocabulary() {
      return Words.all(Words.numbered("t", different), List.of("_", "copy"));
    }

    private int blank() {
      return different;
    }

    private int copy() {
      return different + 1;
    }

    @Override
    public List<Condition> conditions() {
      return List.of(new Condition(tokens + " tokens", length, true, 1.0 / different));
    }

    @Override
    public Example example(int condition, SplittableRandom random) {
      int[] text = new int[length - tokens];
      Arrays.fill(text, blank());
      int[] places = Draw.distinct(tokens, text.length, random);
      Arrays.sort(places);
      int[] content = random.ints(tokens, 0, different).toArray();
      for (int i = 0; i < tokens; i++) {
        text[places[i]] = content[i];
      }
      Example.Builder example = new Example.Builder().read(text);
      for (int token : content) {
        example.read(copy()).ask(token);
      }
      return example.build();
    }
  }
}
