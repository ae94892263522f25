package dev.hydra.data;

import com.typesafe.config.Config;
import dev.hydra.api.ConfigException;
import dev.hydra.api.Option;
import dev.hydra.api.Settings;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Supplier;

/** The configuration of the data, the object {@code data} of a training configuration. */
public final class DataSettings {
  private static final Option<List<String>> FILES =
      Option.texts("files", "text files, plain or gzip, read one after the other")
          .where(files -> !files.isEmpty(), "at least one file");
  private static final Option<TokenizerType> TOKENIZER =
      Option.choice("tokenizer", TokenizerType.class, "what makes tokens of the text")
          .orElse(TokenizerType.BYTE);
  private static final Option<Integer> SEQUENCE_LENGTH =
      Option.integer("sequence-length", "tokens to predict in a window").atLeast(1).orElse(256);
  private static final Option<Double> VALIDATION_FRACTION =
      Option.decimal("validation-fraction", "part of the text that is held out")
          .between(0.0, 0.5)
          .orElse(0.05);
  private static final Option<Integer> SEED =
      Option.integer("seed", "selects the order of the training windows").orElse(0);

  private final Settings settings;

  private DataSettings(Settings settings) {
    this.settings = settings;
  }

  /**
   * Reads the object {@code data}.
   *
   * @throws ConfigException if it holds anything wrong
   */
  public static DataSettings read(Config data) {
    return new DataSettings(Settings.read("data", data, options()));
  }

  /** What the object may hold. */
  public static List<Option<?>> options() {
    return List.of(FILES, TOKENIZER, SEQUENCE_LENGTH, VALIDATION_FRACTION, SEED);
  }

  /** The tokens to predict in a window. */
  public int sequenceLength() {
    return settings.get(SEQUENCE_LENGTH);
  }

  /** The tokenizer. */
  public Tokenizer tokenizer() {
    return settings.get(TOKENIZER).create();
  }

  /**
   * Reads and splits the corpus.
   *
   * @param roots the folders in which relative file names are looked for, in order
   * @throws ConfigException if a file cannot be read or the corpus is too short, naming the line of
   *     the configuration that asks for it
   */
  public Dataset open(List<Path> roots) {
    Tokenizer tokenizer = tokenizer();
    Corpus corpus = blame(FILES, () -> Corpus.read(settings.get(FILES), roots, tokenizer));
    Split split = Split.of(corpus.size(), settings.get(VALIDATION_FRACTION));
    int length = sequenceLength();
    return new Dataset(
        tokenizer,
        corpus,
        split,
        blame(
            SEQUENCE_LENGTH,
            () -> new WindowSampler(corpus, split.train(), length, settings.get(SEED))),
        blame(SEQUENCE_LENGTH, () -> new ValidationWindows(corpus, split.validation(), length)));
  }

  private <T> T blame(Option<?> option, Supplier<T> action) {
    try {
      return action.get();
    } catch (CorpusException e) {
      ConfigException blamed = settings.invalid(option, String.valueOf(e.getMessage()));
      blamed.initCause(e);
      throw blamed;
    }
  }
}
