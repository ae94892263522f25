package dev.hydra.inference;

import com.typesafe.config.Config;
import dev.hydra.api.ConfigException;
import dev.hydra.api.Option;
import dev.hydra.api.Settings;
import dev.hydra.composer.config.OptionGroup;
import java.util.List;
import java.util.Optional;

/**
 * The meaning of tokens in generation, the object {@code generation} of a configuration.
 *
 * @param endTokens a text is over after any of these
 * @param paddingToken what only fills up a prompt; see {@link dev.hydra.api.Pass#padding}
 */
public record GenerationSettings(List<Integer> endTokens, Optional<Integer> paddingToken) {
  private static final Option<List<Integer>> END_TOKENS =
      Option.integers("end-tokens", "tokens after any of which a text is over")
          .where(tokens -> tokens.stream().allMatch(each -> each >= 0), "token ids")
          .orElse(List.of());
  private static final Option<Optional<Integer>> PADDING_TOKEN =
      Option.integer("padding-token", "the token that only fills up a prompt")
          .atLeast(0)
          .optional("none");

  /** Settings in which no token has a meaning of its own. */
  public static final GenerationSettings NONE = new GenerationSettings(List.of(), Optional.empty());

  private static final List<Option<?>> OPTIONS = List.of(END_TOKENS, PADDING_TOKEN);

  /** Returns the options of {@code generation}, for documentation. */
  public static OptionGroup documentation() {
    return new OptionGroup("generation", "What tokens mean when text is generated.", OPTIONS);
  }

  /**
   * Reads the object {@code generation}.
   *
   * @throws ConfigException if it holds anything wrong
   */
  public static GenerationSettings read(Config generation) {
    Settings settings = Settings.read("generation", generation, OPTIONS);
    return new GenerationSettings(settings.get(END_TOKENS), settings.get(PADDING_TOKEN));
  }
}
