package dev.hydra.huggingface;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * Attention with the projections of Llama.
 *
 * @param scale the factor of the scores; empty for one over the root of headDim
 * @param window how many tokens a token sees, itself included; empty for all before it
 */
record AttentionAdapter(
    int width,
    int heads,
    int kvHeads,
    int headDim,
    boolean bias,
    Optional<Double> scale,
    Optional<Integer> window,
    Rope rope)
    implements ComponentAdapter {
  /** Reads what the families write alike. */
  static AttentionAdapter read(PublishedConfig config, int defaultKvHeads, Rope rope) {
    int width = config.size("hidden_size");
    int heads = config.size("num_attention_heads", 32);
    // A null means as many as heads; only an absent key has the family's default.
    int kvHeads =
        config
            .integer("num_key_value_heads")
            .orElse(config.says("num_key_value_heads") ? heads : defaultKvHeads);
    if (kvHeads < 1 || heads % kvHeads != 0) {
      throw config.invalid(
          "num_key_value_heads", "= " + kvHeads + " must divide num_attention_heads = " + heads);
    }
    int headDim = config.size("head_dim", width / heads);
    String key = config.has("head_dim") ? "head_dim" : "num_attention_heads";
    if ((long) heads * headDim > PublishedConfig.MOST) {
      throw config.invalid(
          key,
          "makes %d heads of %d; they may have %d channels"
              .formatted(heads, headDim, PublishedConfig.MOST));
    }
    if (rope.dims(headDim) % 2 != 0) {
      throw config.invalid(
          key,
          "makes heads of %d, of which %d dimensions rotate: not in pairs"
              .formatted(headDim, rope.dims(headDim)));
    }
    if (config.number("attention_dropout", 0) > 0) {
      config.warn("attention_dropout", "is not applied in training");
    }
    return new AttentionAdapter(
        width,
        heads,
        kvHeads,
        headDim,
        config.flag("attention_bias", false),
        Optional.empty(),
        Optional.empty(),
        rope);
  }

  AttentionAdapter scaled(double newScale) {
    return new AttentionAdapter(
        width, heads, kvHeads, headDim, bias, Optional.of(newScale), window, rope);
  }

  AttentionAdapter within(Optional<Integer> newWindow) {
    return new AttentionAdapter(width, heads, kvHeads, headDim, bias, scale, newWindow, rope);
  }

  @Override
  public Map<String, Object> options() {
    Map<String, Object> options = new LinkedHashMap<>();
    options.put("type", window.isPresent() ? "sliding-window" : "full");
    window.ifPresent(tokens -> options.put("window", tokens));
    options.put("heads", heads);
    options.put("kv-heads", kvHeads);
    options.put("head-dim", headDim);
    if (bias) {
      options.put("bias", "all");
    }
    scale.ifPresent(factor -> options.put("scale", factor));
    options.putAll(rope.options(headDim));
    return options;
  }

  @Override
  public void map(Mappings tensors) {
    tensors.linear("q_proj", (long) heads * headDim, width, bias);
    tensors.linear("k_proj", (long) kvHeads * headDim, width, bias);
    tensors.linear("v_proj", (long) kvHeads * headDim, width, bias);
    tensors.linear("o_proj", width, (long) heads * headDim, bias);
  }
}
