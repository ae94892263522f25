package dev.hydra.trainer.run;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigValue;
import com.typesafe.config.ConfigValueFactory;
import dev.hydra.api.ConfigException;
import dev.hydra.data.Tokenizer;
import java.util.function.Supplier;

/**
 * The size of a model's vocabulary where the configuration leaves it to the tokenizer: {@code
 * model.vocab-size = tokenizer}. It is rounded up to a multiple of {@code model.vocab-multiple},
 * since matrix products whose sizes have large powers of two in them are faster; what is above the
 * tokenizer's own size is never drawn.
 */
public final class VocabularySize {
  private static final String SIZE = "model.vocab-size";
  private static final String MULTIPLE = "model.vocab-multiple";
  private static final int DEFAULT_MULTIPLE = 64;

  private VocabularySize() {}

  /**
   * Replaces {@code tokenizer} by a number.
   *
   * @param tokenizer asked only if the configuration leaves the size to it
   * @throws ConfigException if the multiple is not a whole number above 0, or has no use
   */
  public static Config resolve(Config config, Supplier<Tokenizer> tokenizer) {
    boolean left = config.hasPath(SIZE) && "tokenizer".equals(config.getValue(SIZE).unwrapped());
    if (!left) {
      if (config.hasPath(MULTIPLE)) {
        throw new ConfigException(
            config.getValue(MULTIPLE).origin(),
            MULTIPLE,
            "has a use with vocab-size = tokenizer only");
      }
      return config;
    }
    int multiple = multiple(config);
    int size = tokenizer.get().vocabSize();
    long padded = (size + multiple - 1L) / multiple * multiple;
    return config
        .withoutPath(MULTIPLE)
        .withValue(
            SIZE,
            ConfigValueFactory.fromAnyRef(Math.toIntExact(padded))
                .withOrigin(config.getValue(SIZE).origin()));
  }

  private static int multiple(Config config) {
    if (!config.hasPath(MULTIPLE)) {
      return DEFAULT_MULTIPLE;
    }
    ConfigValue value = config.getValue(MULTIPLE);
    if (value.unwrapped() instanceof Integer multiple && multiple > 0) {
      return multiple;
    }
    throw new ConfigException(
        value.origin(), MULTIPLE, "must be a whole number (at least 1), but is " + value.render());
  }
}
