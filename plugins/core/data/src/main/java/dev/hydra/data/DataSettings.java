package dev.hydra.data;

import com.typesafe.config.Config;
import dev.hydra.api.Choice;
import dev.hydra.api.ConfigException;
import dev.hydra.api.Option;
import dev.hydra.api.PluginRegistry;
import dev.hydra.api.Registration;
import dev.hydra.api.Settings;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.function.LongConsumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** The configuration of the data, the object {@code data} of a training configuration. */
public final class DataSettings {
  private static final String PATH = "data";

  /** Files, packed or not, that are read into memory in a moment. */
  private static final long SMALL = 8L << 20;

  private static final Option<String> SOURCE =
      Option.text("source", "where the text comes from; its own options stand beside these")
          .orElse("text");
  private static final Option<Config> TOKENIZER =
      Option.plugin("tokenizer", "bytes", "what makes tokens of the text");
  private static final Option<Integer> SEQUENCE_LENGTH =
      Option.integer("sequence-length", "tokens to predict in a window").atLeast(1).orElse(256);
  private static final Option<Double> VALIDATION_FRACTION =
      Option.decimal("validation-fraction", "part of the text that is held out")
          .between(0.0, 0.5)
          .orElse(0.05);
  private static final Option<Integer> SEED =
      Option.integer("seed", "selects the order of the training windows").orElse(0);
  private static final List<Option<?>> BESIDE_SOURCE =
      List.of(TOKENIZER, SEQUENCE_LENGTH, VALIDATION_FRACTION, SEED);

  private final Choice<SourceFactory> source;
  private final Choice<TokenizerFactory> tokenizer;
  private final Settings settings;
  private @Nullable Tokenizer known;

  private DataSettings(Choice<SourceFactory> source, Choice<TokenizerFactory> tokenizer) {
    this.source = source;
    this.tokenizer = tokenizer;
    this.settings = source.settings();
  }

  /** Returns the options of {@code data} without those of sources, for documentation. */
  public static List<Option<?>> options() {
    return Stream.concat(Stream.of(SOURCE), BESIDE_SOURCE.stream()).toList();
  }

  /**
   * Reads the object {@code data}.
   *
   * @param plugins where source and tokenizer are found
   * @throws ConfigException if it holds anything wrong
   */
  public static DataSettings read(Config data, PluginRegistry plugins) {
    Choice<SourceFactory> source =
        Choice.beside(plugins, SourceFactory.class, PATH, data, SOURCE, BESIDE_SOURCE);
    Settings settings = source.settings();
    return new DataSettings(
        source,
        Choice.of(
            plugins,
            TokenizerFactory.class,
            settings.at(TOKENIZER.name()),
            settings.get(TOKENIZER)));
  }

  /** Returns the plugins that source and tokenizer come from. */
  public List<Registration> plugins() {
    return List.of(source.registration(), tokenizer.registration());
  }

  /** Returns the number of tokens to predict in a window. */
  public int sequenceLength() {
    return settings.get(SEQUENCE_LENGTH);
  }

  /**
   * Returns the tokenizer, created at the first call.
   *
   * @param roots the folders in which relative file names are looked for, in order
   * @throws ConfigException if its files cannot be read, or are not what they should be
   */
  public Tokenizer tokenizer(List<Path> roots) {
    Tokenizer created = known;
    if (created == null) {
      created =
          tokenizer.create(
              factory -> factory.create(new TokenizerContext(tokenizer.settings(), roots)));
      known = created;
    }
    return created;
  }

  /**
   * Reads and splits the corpus.
   *
   * @param roots the folders in which relative file names are looked for, in order
   * @throws ConfigException if a file cannot be read or the corpus is too short, naming the line of
   *     the configuration that asks for it
   */
  public Dataset open(List<Path> roots) {
    return open(roots, bytes -> {});
  }

  /**
   * Reads and splits the corpus, and says how far it has got where that takes long.
   *
   * @param progress told how many bytes of text have been made tokens
   */
  public Dataset open(List<Path> roots, LongConsumer progress) {
    Tokenizer tokens = tokenizer(roots);
    Source text = source.create(factory -> factory.create(new SourceContext(settings, roots)));
    Corpus corpus = CorpusException.blamed(settings, SOURCE, () -> corpus(text, tokens, progress));
    Split split = Split.of(corpus.size(), settings.get(VALIDATION_FRACTION));
    int length = sequenceLength();
    return new Dataset(
        tokens,
        corpus,
        split,
        CorpusException.blamed(
            settings,
            SEQUENCE_LENGTH,
            () -> new WindowSampler(corpus, split.train(), length, settings.get(SEED))),
        CorpusException.blamed(
            settings,
            SEQUENCE_LENGTH,
            () -> new ValidationWindows(corpus, split.validation(), length)));
  }

  /**
   * Reads a text: a small one of bytes is in memory at once, any other is made tokens once and
   * kept.
   */
  private static Corpus corpus(Source text, Tokenizer tokens, LongConsumer progress) {
    Optional<SourceFiles> files = text.files();
    if (files.isEmpty() || (tokens instanceof ByteTokenizer && isSmall(files.get()))) {
      return Corpus.read(text, tokens);
    }
    return new Corpus(TokenCache.ofUser().get(text, files.get(), tokens, progress));
  }

  private static boolean isSmall(SourceFiles files) {
    return files.files().stream().mapToLong(file -> file.toFile().length()).sum() < SMALL;
  }
}
