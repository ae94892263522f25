package dev.hydra.data;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigOrigin;
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

/**
 * The configuration of one source of text.
 *
 * @param choice the source and its options
 * @param name what it is called in reports
 * @param weight how often it is sampled, relative to the other sources
 * @param place the path of what names it
 * @param origin where that is written
 */
record SourceSettings(
    Choice<SourceFactory> choice, String name, double weight, String place, ConfigOrigin origin) {
  static final Option<String> SOURCE =
      Option.text("source", "where the text comes from; its own options stand beside these")
          .orElse("text");
  private static final Option<Double> WEIGHT =
      Option.decimal("weight", "how often it is sampled, relative to the other sources")
          .where(weight -> weight > 0, "above 0")
          .orElse(1.0);
  private static final Option<Optional<String>> NAME =
      Option.text("name", "what its held-out text is called").optional("source-1, source-2, ...");

  /** Files, packed or not, that are read into memory in a moment. */
  private static final long SMALL = 8L << 20;

  /** Returns the options of an element of {@code data.sources}, without those of its source. */
  static List<Option<?>> options() {
    return List.of(SOURCE, WEIGHT, NAME);
  }

  /** Reads an element of {@code data.sources}. */
  static SourceSettings member(PluginRegistry plugins, String path, int index, Config config) {
    Choice<SourceFactory> choice =
        Choice.beside(plugins, SourceFactory.class, path, config, SOURCE, List.of(WEIGHT, NAME));
    Settings settings = choice.settings();
    return new SourceSettings(
        choice,
        settings.get(NAME).orElse("source-" + (index + 1)),
        settings.get(WEIGHT),
        settings.at(NAME.name()),
        settings.isSet(NAME) ? config.getValue(NAME.name()).origin() : config.origin());
  }

  /** Reads an object that holds a source and its options, and others. */
  static SourceSettings alone(
      PluginRegistry plugins, String path, String name, Config config, List<Option<?>> common) {
    return new SourceSettings(
        Choice.beside(plugins, SourceFactory.class, path, config, SOURCE, common),
        name,
        1,
        path,
        config.origin());
  }

  /** Returns an error about its name, to throw. */
  ConfigException misnamed(String problem) {
    return new ConfigException(origin, place, problem);
  }

  Registration registration() {
    return choice.registration();
  }

  Settings settings() {
    return choice.settings();
  }

  /**
   * Reads the text: a small one of bytes, and documents with marks, are in memory at once, any
   * other is made tokens once and kept.
   *
   * @throws dev.hydra.api.ConfigException if it cannot be read, naming the line that asks for it
   */
  Corpus corpus(List<Path> roots, Tokenizer tokenizer, LongConsumer progress) {
    Source text =
        choice.create(factory -> factory.create(new SourceContext(settings(), roots, tokenizer)));
    return CorpusException.blamed(
        settings(), SOURCE, () -> read(text, tokenizer, progress).by(text.chatTemplate()));
  }

  private static Corpus read(Source text, Tokenizer tokenizer, LongConsumer progress) {
    if (text instanceof MarkedSource marked) {
      return Corpus.readMarked(marked, tokenizer);
    }
    Optional<SourceFiles> files = text.files();
    return files.isEmpty() || (tokenizer instanceof ByteTokenizer && isSmall(files.get()))
        ? Corpus.read(text, tokenizer)
        : new Corpus(TokenCache.ofUser().get(text, files.get(), tokenizer, progress));
  }

  private static boolean isSmall(SourceFiles files) {
    return files.files().stream().mapToLong(file -> file.toFile().length()).sum() < SMALL;
  }
}
