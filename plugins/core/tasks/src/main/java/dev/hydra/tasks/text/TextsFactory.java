package dev.hydra.tasks.text;

import dev.hydra.api.HydraPlugin;
import dev.hydra.api.Option;
import dev.hydra.api.Settings;
import dev.hydra.tasks.Condition;
import dev.hydra.tasks.Example;
import dev.hydra.tasks.Split;
import dev.hydra.tasks.Task;
import dev.hydra.tasks.TaskContext;
import dev.hydra.tasks.TaskFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/**
 * Creates tasks of predicting texts of several kinds byte by byte. Each text is a condition. What
 * is tested, and what is chosen by, are parts of the texts that are not trained on.
 */
@HydraPlugin("texts")
public final class TextsFactory implements TaskFactory {
  static final Option<List<String>> FILES =
      Option.texts("files", "the texts, plain or .gz, each a condition")
          .where(all -> !all.isEmpty(), "at least one file");
  static final Option<List<String>> NAMES =
      Option.texts("names", "what the conditions are called, in the order of the files")
          .where(all -> !all.isEmpty(), "one for each file");
  static final Option<Integer> LENGTH =
      Option.integer("length", "bytes that an example reads").atLeast(2).orElse(256);

  /** Creates the factory, for the registry. */
  public TextsFactory() {}

  @Override
  public List<Option<?>> options() {
    return List.of(FILES, NAMES, LENGTH);
  }

  @Override
  public Task create(TaskContext from) {
    Settings settings = from.settings();
    List<String> names = settings.get(NAMES);
    if (names.size() != settings.get(FILES).size()
        || names.stream().distinct().count() < names.size()) {
      throw settings.invalid(NAMES, "must have a different name for each of files");
    }
    List<TextFile> texts = new ArrayList<>();
    for (String file : settings.get(FILES)) {
      texts.add(text(file, from));
    }
    return new Texts(texts, names, settings.get(LENGTH));
  }

  private static TextFile text(String file, TaskContext from) {
    Settings settings = from.settings();
    TextFile text;
    try {
      text = TextFile.read(file, from.roots());
    } catch (IllegalArgumentException e) {
      throw settings.invalid(FILES, String.valueOf(e.getMessage()));
    }
    if (text.longest() <= settings.get(LENGTH)) {
      throw settings.invalid(
          LENGTH, "must be less than " + text.longest() + ", a part of the text " + file);
    }
    return text;
  }

  private record Texts(List<TextFile> texts, List<String> names, int length) implements Task {
    @Override
    public List<String> vocabulary() {
      return Bytes.vocabulary();
    }

    @Override
    public List<Condition> conditions() {
      return names.stream()
          .map(each -> new Condition(each, length, true, 1.0 / Bytes.COUNT))
          .toList();
    }

    @Override
    public Example example(int condition, SplittableRandom random) {
      return example(condition, Split.TRAINING, random);
    }

    @Override
    public Example example(int condition, Split split, SplittableRandom random) {
      int[] window = texts.get(condition).window(length + 1, split, random);
      Example.Builder example = new Example.Builder();
      for (int i = 0; i < length; i++) {
        example.read(window[i]).ask(window[i + 1]);
      }
      return example.build();
    }
  }
}
