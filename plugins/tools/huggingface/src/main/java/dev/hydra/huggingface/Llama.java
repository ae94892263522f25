package dev.hydra.huggingface;

import static dev.hydra.huggingface.ModelPlan.all;

/** Llama (arXiv 2302.13971, 2407.21783), the layout that most dense models have since. */
final class Llama {
  private Llama() {}

  static ModelPlan plan(PublishedConfig config) {
    Backbone backbone = Backbone.read(config, Backbone.Names.LLAMA, 1e-6, false);
    int width = backbone.width();
    int depth = backbone.depth();
    int heads = config.size("num_attention_heads", 32);
    if (!config.has("head_dim") && width % heads != 0) {
      throw config.invalid(
          "num_attention_heads", "= " + heads + " must divide hidden_size = " + width);
    }
    AttentionAdapter attention = AttentionAdapter.read(config, heads, Rope.whole(config, 10_000));
    SwigluAdapter ffn =
        SwigluAdapter.of(width, config.size("intermediate_size"), config.flag("mlp_bias", false))
            .activated(config);
    return new ModelPlan(
        backbone,
        BlockPlan.sequential(
            PathPlan.mixer("mixer", attention, "self_attn.", "input_layernorm", all(depth)),
            PathPlan.ffn("ffn", ffn, "mlp.", "post_attention_layernorm", all(depth))));
  }
}
