package dev.hydra.huggingface;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What a model has besides its layers.
 *
 * @param names how the family names it
 * @param vocabSize the number of tokens
 * @param width the width of the hidden states
 * @param depth the number of layers
 * @param tied whether the head uses the embedding's weights
 * @param epsilon what is added to the mean square in norms
 * @param options further options of {@code model}
 * @param generation the options of {@code generation}
 */
record Backbone(
    Names names,
    int vocabSize,
    int width,
    int depth,
    boolean tied,
    double epsilon,
    Map<String, Object> options,
    Map<String, Object> generation) {
  /** No model has as many; a description that is wrong must not take all the memory. */
  private static final int MOST_LAYERS = 10_000;

  /**
   * Names of tensors.
   *
   * @param prefix of all but the head
   */
  record Names(String prefix, String embedding, String norm) {
    static final Names LLAMA = new Names("model.", "embed_tokens", "norm");
    static final Names HYBRID = new Names("model.", "embed_tokens", "final_layernorm");
    static final Names MAMBA = new Names("backbone.", "embeddings", "norm_f");

    /** Under which files of the first implementation have it; transformers reads them, too. */
    private static final Names FORMER_MAMBA = new Names("backbone.", "embedding", "norm_f");

    /** The embedding's weights. */
    String table() {
      return prefix + embedding + ".weight";
    }

    /** The names in older files. */
    Names former() {
      return equals(MAMBA) ? FORMER_MAMBA : this;
    }
  }

  private static int layers(PublishedConfig config) {
    int layers = config.size("num_hidden_layers");
    if (layers > MOST_LAYERS) {
      throw config.invalid(
          "num_hidden_layers", "= " + layers + " is refused; at most " + MOST_LAYERS + " are read");
    }
    return layers;
  }

  /** Reads what all families write alike, but for a default. */
  static Backbone read(
      PublishedConfig config, Names names, double defaultEpsilon, boolean defaultTied) {
    int vocabSize = config.size("vocab_size");
    Map<String, Object> options = new LinkedHashMap<>();
    boolean mamba = names.equals(Names.MAMBA);
    if (!mamba) {
      // Its embedding has no gradient. Python counts negative rows from the end.
      config
          .integer("pad_token_id")
          .map(token -> token < 0 ? token + vocabSize : token)
          .filter(token -> token >= 0 && token < vocabSize)
          .ifPresent(token -> options.put("padding-token", token));
    }
    String epsilonKey = mamba ? "layer_norm_epsilon" : "rms_norm_eps";
    double epsilon = config.number(epsilonKey, defaultEpsilon);
    if (epsilon <= 0) {
      throw config.invalid(epsilonKey, "= " + epsilon + " must be above 0");
    }
    return new Backbone(
        names,
        vocabSize,
        config.size("hidden_size"),
        layers(config),
        config.flag("tie_word_embeddings", defaultTied),
        epsilon,
        options,
        generation(config, vocabSize));
  }

  /**
   * What ends a text is not padding: transformers does not mask it in prompts either. Neither is a
   * negative token: no prompt holds it.
   */
  private static Map<String, Object> generation(PublishedConfig config, int vocabSize) {
    Map<String, Object> generation = new LinkedHashMap<>();
    List<Integer> tokens =
        config.oneOrMore("eos_token_id").stream().filter(token -> token >= 0).toList();
    if (!tokens.isEmpty()) {
      generation.put("end-tokens", tokens);
    }
    config
        .integer("pad_token_id")
        .filter(token -> token >= 0 && token < vocabSize && !tokens.contains(token))
        .ifPresent(token -> generation.put("padding-token", token));
    return generation;
  }

  /** The same with the tokens of another description for generation, and none of its own. */
  Backbone generating(PublishedConfig config) {
    Map<String, Object> other = generation(config, vocabSize);
    return new Backbone(names, vocabSize, width, depth, tied, epsilon, options, other);
  }

  /** The same under other names. */
  Backbone named(Names others) {
    return new Backbone(others, vocabSize, width, depth, tied, epsilon, options, generation);
  }

  /** The same with fixed factors of the embeddings and the logits. */
  Backbone scaled(double embeddings, double logits) {
    Map<String, Object> all = new LinkedHashMap<>(options);
    if (embeddings != 1) {
      all.put("embedding-scale", embeddings);
    }
    if (logits != 1) {
      all.put("logits-scale", logits);
    }
    return new Backbone(names, vocabSize, width, depth, tied, epsilon, all, generation);
  }
}
