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
    Optional<PublishedConfig> legacy = config.object("rope_scaling");
    Optional<PublishedConfig> chosen = legacy.isPresent() ? legacy : parameters;
    if (chosen.isEmpty()) {
      return new Rope(theta, defaultShare, Map.of());
    }
    PublishedConfig rope = chosen.get();
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
    switch (type) {
      case "default" -> {}
      case "linear" -> scaling.put("rope-scaling", "linear");
      default ->
          throw rope.unsupported(
              "rope_type", type, "there are default, linear, llama3 and yarn");
    }
    return scaling;
  }

  /** The options of an attention with heads of this size. */
  Map<String, Object> options(int headDim) {
    Map<String, Object> options = new LinkedHashMap<>();
    int dims = (int) (headDim * share);
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
