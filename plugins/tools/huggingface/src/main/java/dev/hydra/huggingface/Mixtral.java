package dev.hydra.huggingface;

import static dev.hydra.huggingface.ModelPlan.all;

/** Mixtral (arXiv 2401.04088): Llama with experts, and with a window where it is asked for. */
final class Mixtral {
  private Mixtral() {}

  static ModelPlan plan(PublishedConfig config) {
    Family.requireSilu(config);
    Family.warnOfRouterLosses(config);
    Backbone backbone = Backbone.read(config, Backbone.Names.LLAMA, 1e-5, false);
    int width = backbone.width();
    int depth = backbone.depth();
    AttentionAdapter attention =
        AttentionAdapter.read(config, 8, Rope.whole(config, 1_000_000))
            .within(config.integer("sliding_window"));
    if (attention.bias()) {
      throw config.unsupported("attention_bias", true, "Mixtral's attention has none");
    }
    int count = MoeAdapter.count(config, "num_local_experts", "num_experts", 8);
    MoeAdapter experts =
        new MoeAdapter(
            width,
            config.size("intermediate_size"),
            count,
            MoeAdapter.topK(config, count),
            true,
            0,
            MoeAdapter.apart("gate", "w1", "w3", "w2"));
    String below = "block_sparse_moe.";
    return new ModelPlan(
        backbone,
        BlockPlan.sequential(
            PathPlan.mixer("mixer", attention, "self_attn.", "input_layernorm", all(depth)),
            PathPlan.ffn("ffn", experts, below, "post_attention_layernorm", all(depth))));
  }
}
