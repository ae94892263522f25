package dev.hydra.huggingface;

import static dev.hydra.huggingface.ModelPlan.all;

import java.util.List;
import java.util.Map;

/** Llama (arXiv 2302.13971, 2407.21783), the layout that most dense models have since. */
final class Llama {
  /** The names that Llama and its descendants use. */
  static final ModelPlan.Names NAMES = new ModelPlan.Names("model.", "embed_tokens", "norm");

  private Llama() {}

  static ModelPlan plan(PublishedConfig config) {
    Family.requireSilu(config);
    int width = config.required("hidden_size");
    int depth = config.required("num_hidden_layers");
    AttentionPart attention =
        AttentionPart.read(
            config, config.integer("num_attention_heads", 32), Rope.whole(config, 10_000));
    SwigluPart ffn =
        SwigluPart.of(width, config.required("intermediate_size"), config.flag("mlp_bias", false));
    return new ModelPlan(
        NAMES,
        config.required("vocab_size"),
        width,
        depth,
        config.flag("tie_word_embeddings", false),
        Map.of("norm-epsilon", config.number("rms_norm_eps", 1e-6)),
        List.of(
            BlockPlan.sequential(
                PathPlan.mixer("mixer", attention, "self_attn.", "input_layernorm", all(depth)),
                PathPlan.ffn("ffn", ffn, "mlp.", "post_attention_layernorm", all(depth)))));
  }
}
