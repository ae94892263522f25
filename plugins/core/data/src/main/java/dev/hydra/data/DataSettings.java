package dev.hydra.data;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigList;
import com.typesafe.config.ConfigObject;
import com.typesafe.config.ConfigUtil;
import com.typesafe.config.ConfigValue;
import dev.hydra.api.Choice;
import dev.hydra.api.ConfigException;
import dev.hydra.api.Option;
import dev.hydra.api.PluginRegistry;
import dev.hydra.api.Registration;
import dev.hydra.api.Settings;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.LongConsumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** The configuration of the data, the object {@code data} of a training configuration. */
public final class DataSettings {
  private static final String PATH = "data";
  private static final String HELD_OUT = "held-out";
  private static final double DEFAULT_FRACTION = 0.05;

  private static final Option<Optional<ConfigValue>> SOURCES =
      Option.any(
              "sources",
              "list of { source, weight, name, options }",
              "several sources, sampled by weight, in the place of the one here")
          .optional("one source");
  private static final Option<Config> TOKENIZER =
      Option.plugin("tokenizer", "bytes", "what makes tokens of the text");
  private static final Option<Integer> SEQUENCE_LENGTH =
      Option.integer("sequence-length", "tokens to predict in a window").atLeast(1).orElse(256);
  private static final Option<Packing> PACKING =
      Option.choice(
              "packing",
              Packing.class,
              "whether the text is cut into windows, or documents are packed into them whole")
          .orElse(Packing.WINDOWS);
  private static final Option<Optional<Double>> VALIDATION_FRACTION =
      Option.decimal("validation-fraction", "part of the text that is held out")
          .between(0.0, 0.5)
          .optional("0.05, or 0 with validation");
  private static final Option<Optional<ConfigValue>> VALIDATION =
      Option.any(
              "validation",
              "object of names and { source, options }",
              "texts to score on, such as { wiki { files = [wiki.txt] } }")
          .optional("held-out text only");
  private static final Option<Integer> SEED =
      Option.integer("seed", "selects the order of the training windows").orElse(0);
  private static final List<Option<?>> BESIDE_SOURCE =
      List.of(SOURCES, TOKENIZER, SEQUENCE_LENGTH, PACKING, VALIDATION_FRACTION, VALIDATION, SEED);

  private final List<SourceSettings> sources;
  private final List<SourceSettings> validation;
  private final Choice<TokenizerFactory> tokenizer;
  private final Settings settings;
  private @Nullable Tokenizer known;

  private DataSettings(
      List<SourceSettings> sources,
      List<SourceSettings> validation,
      Choice<TokenizerFactory> tokenizer,
      Settings settings) {
    this.sources = sources;
    this.validation = validation;
    this.tokenizer = tokenizer;
    this.settings = settings;
  }

  /** Returns the options of {@code data} without those of sources, for documentation. */
  public static List<Option<?>> options() {
    return Stream.concat(Stream.of(SourceSettings.SOURCE), BESIDE_SOURCE.stream()).toList();
  }

  /** Returns the options of an element of {@code data.sources}, for documentation. */
  public static List<Option<?>> sourceOptions() {
    return SourceSettings.options();
  }

  /**
   * Reads the object {@code data}.
   *
   * @param plugins where sources and tokenizer are found
   * @throws ConfigException if it holds anything wrong
   */
  public static DataSettings read(Config data, PluginRegistry plugins) {
    List<SourceSettings> sources = new ArrayList<>();
    Settings settings;
    if (data.hasPath(SOURCES.name())) {
      for (String alone : List.of(SourceSettings.SOURCE.name(), "files")) {
        if (data.hasPath(alone)) {
          throw new ConfigException(
              data.getValue(alone).origin(),
              PATH + "." + alone,
              "data.sources stands in the place of one source, so this has no effect; take one of"
                  + " them out");
        }
      }
      settings = Settings.read(PATH, data, BESIDE_SOURCE);
      for (Config each : elements(settings)) {
        int index = sources.size();
        String path = settings.at(SOURCES.name()) + "[" + index + "]";
        sources.add(SourceSettings.member(plugins, path, index, each));
      }
    } else {
      sources.add(SourceSettings.alone(plugins, PATH, HELD_OUT, data, BESIDE_SOURCE));
      settings = sources.get(0).settings();
    }
    List<SourceSettings> validation = validation(settings, plugins);
    ValidationNames names = new ValidationNames();
    if (fraction(settings, validation) > 0) {
      sources.forEach(names::take);
    }
    validation.forEach(names::take);
    return new DataSettings(
        sources,
        validation,
        Choice.of(
            plugins,
            TokenizerFactory.class,
            settings.at(TOKENIZER.name()),
            settings.get(TOKENIZER)),
        settings);
  }

  private static List<Config> elements(Settings settings) {
    ConfigValue value = settings.get(SOURCES).orElseThrow();
    List<Config> elements = new ArrayList<>();
    if (value instanceof ConfigList list) {
      for (ConfigValue each : list) {
        if (each instanceof ConfigObject object) {
          elements.add(object.toConfig());
        }
      }
      if (elements.size() == list.size() && !list.isEmpty()) {
        return elements;
      }
    }
    throw settings.invalid(
        SOURCES, "must be a list of sources, such as [{ files = [a.txt], weight = 2 }]");
  }

  private static List<SourceSettings> validation(Settings settings, PluginRegistry plugins) {
    Optional<ConfigValue> value = settings.get(VALIDATION);
    List<SourceSettings> sets = new ArrayList<>();
    if (value.isPresent()) {
      if (!(value.get() instanceof ConfigObject object)) {
        throw settings.invalid(
            VALIDATION, "must be an object of names, such as { wiki { files = [wiki.txt] } }");
      }
      new TreeMap<>(object)
          .forEach(
              (name, set) -> {
                if (!(set instanceof ConfigObject source)) {
                  throw settings.invalid(
                      VALIDATION, "must hold sources by name, but " + name + " is not an object");
                }
                sets.add(
                    SourceSettings.alone(
                        plugins,
                        settings.at(VALIDATION.name()) + "." + ConfigUtil.joinPath(name),
                        name,
                        source.toConfig(),
                        List.of()));
              });
    }
    return sets;
  }

  /** Returns the plugins that sources and tokenizer come from, each once. */
  public List<Registration> plugins() {
    return Stream.concat(
            Stream.concat(sources.stream(), validation.stream()).map(SourceSettings::registration),
            Stream.of(tokenizer.registration()))
        .distinct()
        .toList();
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
   * Reads and splits the texts.
   *
   * @param roots the folders in which relative file names are looked for, in order
   * @throws ConfigException if a file cannot be read or a text is too short, naming the line of the
   *     configuration that asks for it
   */
  public Dataset open(List<Path> roots) {
    return open(roots, bytes -> {});
  }

  /**
   * Reads and splits the texts, and says how far it has got where that takes long.
   *
   * @param progress told how many bytes of text have been made tokens
   */
  public Dataset open(List<Path> roots, LongConsumer progress) {
    Tokenizer tokens = tokenizer(roots);
    LongConsumer sum = new Sum(progress);
    List<Corpus> corpora = new ArrayList<>();
    List<Samples> train = new ArrayList<>();
    List<ValidationSet> sets = new ArrayList<>();
    for (SourceSettings source : sources) {
      Corpus corpus = source.corpus(roots, tokens, sum);
      Split split = Split.of(corpus.size(), fraction());
      corpora.add(corpus);
      train.add(
          CorpusException.blamed(
              settings,
              SEQUENCE_LENGTH,
              () ->
                  settings
                      .get(PACKING)
                      .training(corpus, split.train(), sequenceLength(), seed(train))));
      if (!split.validation().isEmpty()) {
        sets.add(set(source, corpus, split.validation(), Optional.empty()));
      }
    }
    sets.addAll(named(roots, tokens, sum));
    double[] weights = sources.stream().mapToDouble(SourceSettings::weight).toArray();
    Samples samples =
        train.size() == 1 ? train.get(0) : new Mixture(train, weights, settings.get(SEED));
    return new Dataset(tokens, corpora, new Sampler(samples, sequenceLength()), sets);
  }

  /**
   * Reads the texts to score on only; a source of which nothing is held out is not read at all.
   *
   * @param roots the folders in which relative file names are looked for, in order
   * @param progress told how many bytes of text have been made tokens
   * @throws ConfigException as {@link #open(List)} does
   */
  public List<ValidationSet> validation(List<Path> roots, LongConsumer progress) {
    Tokenizer tokens = tokenizer(roots);
    LongConsumer sum = new Sum(progress);
    List<ValidationSet> sets = new ArrayList<>();
    for (SourceSettings source : fraction() > 0 ? sources : List.<SourceSettings>of()) {
      Corpus corpus = source.corpus(roots, tokens, sum);
      List<Range> heldOut = Split.of(corpus.size(), fraction()).validation();
      if (!heldOut.isEmpty()) {
        sets.add(set(source, corpus, heldOut, Optional.empty()));
      }
    }
    sets.addAll(named(roots, tokens, sum));
    return sets;
  }

  private List<ValidationSet> named(List<Path> roots, Tokenizer tokens, LongConsumer sum) {
    List<ValidationSet> sets = new ArrayList<>();
    for (SourceSettings source : validation) {
      Corpus corpus = source.corpus(roots, tokens, sum);
      sets.add(
          set(
              source,
              corpus,
              List.of(new Range(0, corpus.size())),
              Optional.of(corpus.fingerprint())));
    }
    return sets;
  }

  /** Returns the seed of the source that comes after some: that of the first is the one given. */
  private long seed(List<Samples> before) {
    long seed = settings.get(SEED);
    return before.isEmpty() ? seed : Permutation.mix(seed + Permutation.mix(before.size()));
  }

  private double fraction() {
    return fraction(settings, validation);
  }

  private static double fraction(Settings settings, List<SourceSettings> validation) {
    return settings.get(VALIDATION_FRACTION).orElse(validation.isEmpty() ? DEFAULT_FRACTION : 0.0);
  }

  private ValidationSet set(
      SourceSettings source, Corpus corpus, List<Range> ranges, Optional<String> own) {
    int length = sequenceLength();
    ValidationWindows windows =
        new ValidationWindows(settings.get(PACKING).whole(corpus, ranges, length), length);
    if (windows.count() == 0) {
      throw source
          .settings()
          .invalid(
              SourceSettings.SOURCE,
              "the text to score on ("
                  + source.name()
                  + ") has no two tokens after each other: use more text, or hold out more of it");
    }
    if (!corpus.predicts(ranges)) {
      throw source
          .settings()
          .invalid(
              SourceSettings.SOURCE,
              "in the text to score on ("
                  + source.name()
                  + ") nothing is to be predicted: use more text, or hold out more of it");
    }
    return new ValidationSet(source.name(), windows, own);
  }

  /** Adds up what is told of each text. */
  private static final class Sum implements LongConsumer {
    private final LongConsumer progress;
    private long before;
    private long last;

    Sum(LongConsumer progress) {
      this.progress = progress;
    }

    @Override
    public void accept(long bytes) {
      if (bytes < last) { // another text
        before += last;
      }
      last = bytes;
      progress.accept(before + bytes);
    }
  }
}
