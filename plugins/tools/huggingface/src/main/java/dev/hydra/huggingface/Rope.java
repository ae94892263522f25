package dev.hydra.huggingface;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * Rotary positions as a {@code config.json} asks for them: in {@code rope_parameters}, or in the
 * older {@code rope_theta} and {@code rope_scaling}.
 *
 * @param theta the base of the angles
 * @param share the share of a head's dimensions that rotate
 * @param scaling how the angles are changed for long contexts, as our options
 */
record Rope(double theta, double share, Map<String, Object> scaling) {
  /** No positions at all. */
  static final Rope NONE = new Rope(0, 0, Map.of());

  /** For a family in which all dimensions rotate, whatever is said. */
  static Rope whole(PublishedConfig config, double defaultTheta) {
    double share = config.number("partial_rotary_factor", 1);
    Rope rope = read(config, defaultTheta, share);
    if (rope.share() != 1) {
      throw config.unsupported(
          "partial_rotary_factor", rope.share(), "in this family whole heads rotate");
    }
    return rope;
  }

  /** Reads; the share may be given beside the parameters. */
  static Rope read(PublishedConfig config, double defaultTheta, double defaultShare) {
    double theta = config.number("rope_theta", defaultTheta);
    Optional<PublishedConfig> parameters = config.object("rope_parameters");
    Optional<PublishedConfig> legacy =
        config.object("rope_scaling").filter(scaling -> !scaling.isEmpty());
    Optional<PublishedConfig> chosen = legacy.isPresent() ? legacy : parameters;
    if (chosen.isEmpty()) {
      return new Rope(theta, defaultShare, Map.of());
    }
    if (legacy.isPresent() && parameters.isPresent()) {
      config.warn("rope_parameters", "is ignored, as by transformers, for rope_scaling beside it");
    }
    PublishedConfig rope = chosen.get();
    Optional<String> nested = rope.firstObject();
    if (nested.isPresent()) {
      throw rope.invalid(
          nested.get(), "is not supported; all layers have the same rotary positions");
    }
    String type = rope.text("rope_type", rope.text("type", "default"));
    rope.text("type", type);
    Rope read =
        new Rope(
            rope.number("rope_theta", theta),
            rope.number("partial_rotary_factor", defaultShare),
            scaling(config, rope, type));
    rope.warnOfUnread();
    return read;
  }

  private static Map<String, Object> scaling(
      PublishedConfig config, PublishedConfig rope, String type) {
    Map<String, Object> scaling = new LinkedHashMap<>();
    if (type.equals("default")) {
      return scaling;
    }
    scaling.put("rope-scaling", type);
    switch (type) {
      case "linear" -> scaling.put("rope-factor", factor(rope));
      case "llama3" -> {
        scaling.put("rope-factor", factor(rope));
        scaling.put("rope-original-length", originalLength(config, rope));
        scaling.put("rope-low-frequency-factor", needed(rope, "low_freq_factor"));
        scaling.put("rope-high-frequency-factor", needed(rope, "high_freq_factor"));
      }
      case "yarn" -> yarn(config, rope, scaling);
      default ->
          throw rope.unsupported("rope_type", type, "there are default, linear, llama3 and yarn");
    }
    return scaling;
  }

  private static void yarn(
      PublishedConfig config, PublishedConfig rope, Map<String, Object> scaling) {
    int original = originalLength(config, rope);
    double factor =
        rope.number("factor").orElseGet(() -> needed(config, "max_position_embeddings") / original);
    scaling.put("rope-factor", factor);
    scaling.put("rope-original-length", original);
    scaling.put("rope-beta-fast", rope.number("beta_fast", 32));
    scaling.put("rope-beta-slow", rope.number("beta_slow", 1));
    double all = rope.number("mscale_all_dim", 0);
    double some = rope.number("mscale", 0);
    Optional<Double> given = rope.number("attention_factor");
    if (given.isPresent()) {
      scaling.put("rope-attention-factor", given.get());
    } else if (some != 0 && all != 0) {
      scaling.put("rope-attention-factor", amplitude(factor, some) / amplitude(factor, all));
    }
    if (!rope.flag("truncate", true)) {
      throw rope.unsupported("truncate", false, "the ramp of yarn begins at whole dimensions");
    }
  }

  /** DeepSeek's variant of YaRN's factor, with a coefficient. */
  private static double amplitude(double factor, double coefficient) {
    return factor <= 1 ? 1 : 0.1 * coefficient * Math.log(factor) + 1;
  }

  private static double factor(PublishedConfig rope) {
    return needed(rope, "factor");
  }

  private static double needed(PublishedConfig config, String key) {
    return config.number(key).orElseThrow(() -> config.invalid(key, "is missing"));
  }

  private static int originalLength(PublishedConfig config, PublishedConfig rope) {
    String key = "original_max_position_embeddings";
    Optional<Integer> inside = rope.integer(key);
    return config
        .integer(key)
        .or(() -> inside)
        .orElseGet(() -> config.required("max_position_embeddings"));
  }

  /** How many dimensions of a head of this size rotate. */
  int dims(int headDim) {
    return (int) (headDim * share);
  }

  /** The options of an attention with heads of this size. */
  Map<String, Object> options(int headDim) {
    Map<String, Object> options = new LinkedHashMap<>();
    int dims = dims(headDim);
    if (dims != headDim) {
      options.put("rope-dim", dims);
    }
    if (dims > 0) {
      options.put("rope-theta", theta);
      options.putAll(scaling);
    }
    return options;
  }
}
