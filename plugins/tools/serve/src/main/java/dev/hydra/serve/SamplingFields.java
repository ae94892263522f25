package dev.hydra.serve;

import dev.hydra.inference.Sampling;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/** Reads what a request says about sampling, and about where a text ends. */
final class SamplingFields {
  private static final double MOST_TEMPERATURE = 100;
  private static final double MOST_PENALTY = 2;
  private static final double MOST_REPETITION = 100;
  private static final double MOST_BIAS = 100;
  private static final int MOST_STOPS = 16;
  private static final String OBFUSCATION = "include_obfuscation";

  /**
   * The fields of both kinds of completion: those that are read, those that change nothing of the
   * answer, and what other servers add to the protocol.
   */
  static final Set<String> NAMES =
      Set.of(
          "temperature",
          "top_p",
          "presence_penalty",
          "frequency_penalty",
          "logit_bias",
          "seed",
          "stop",
          "n",
          "stream",
          "stream_options",
          "user",
          "safety_identifier",
          "prompt_cache_key",
          "prompt_cache_retention",
          "metadata",
          "store",
          "service_tier",
          "top_k",
          "min_p",
          "repetition_penalty",
          "ignore_eos");

  private SamplingFields() {}

  /** Reads the settings; without a seed every request has its own. */
  static Sampling sampling(Fields fields, int vocabulary) {
    int topK = fields.integer("top_k", -1, Integer.MAX_VALUE).orElse(0);
    return new Sampling(
        fields.number("temperature", 0, MOST_TEMPERATURE, 1),
        Math.max(0, topK),
        fields.positive("top_p", 1, 1),
        fields.number("min_p", 0, 1, 0),
        fields.positive("repetition_penalty", MOST_REPETITION, 1),
        fields.number("presence_penalty", -MOST_PENALTY, MOST_PENALTY, 0),
        fields.number("frequency_penalty", -MOST_PENALTY, MOST_PENALTY, 0),
        bias(fields, vocabulary),
        fields.whole("seed").orElseGet(() -> new SplittableRandom().nextLong()));
  }

  private static Map<Integer, Double> bias(Fields fields, int vocabulary) {
    Map<Integer, Double> bias = new LinkedHashMap<>();
    Map<String, @Nullable Object> given =
        fields.object("logit_bias").map(Fields::values).orElse(Map.of());
    for (String name : given.keySet()) {
      int token;
      try {
        token = Integer.parseInt(name);
      } catch (NumberFormatException e) {
        token = -1;
      }
      if (token < 0 || token >= vocabulary) {
        throw ApiException.field(
            "logit_bias",
            "has the key " + name + ", which is not a token id from 0 to " + (vocabulary - 1));
      }
      bias.put(
          token, fields.object("logit_bias").orElseThrow().number(name, -MOST_BIAS, MOST_BIAS, 0));
    }
    return bias;
  }

  /** Says whether a stream is to tell at its end how many tokens there were. */
  static boolean usage(Fields fields) {
    Optional<Fields> options = fields.object("stream_options");
    options.ifPresent(given -> given.known(Set.of("include_usage", OBFUSCATION)));
    if (options.map(given -> given.flag(OBFUSCATION, false)).orElse(false)) {
      throw ApiException.field("stream_options." + OBFUSCATION, "is not supported; leave it out");
    }
    if (options.isPresent() && !fields.flag("stream", false)) {
      throw ApiException.field("stream_options", "has no effect without stream = true");
    }
    return options.map(given -> given.flag("include_usage", false)).orElse(false);
  }

  /** Reads the stop strings. */
  static List<String> stops(Fields fields) {
    return fields.texts("stop", MOST_STOPS);
  }
}
