package dev.hydra.huggingface;

import static dev.hydra.huggingface.ModelPlan.all;

import java.util.List;

/**
 * Falcon-H1 (arXiv 2507.22448): Mamba-2 and attention side by side, then a feed-forward, with a
 * fixed factor nearly everywhere.
 */
final class FalconH1 {
  private static final List<Double> ONES = List.of(1.0, 1.0);

  private FalconH1() {}

  static ModelPlan plan(PublishedConfig config) {
    Family.requireSilu(config);
    config.harmless(List.of("layers_block_type", "layer_types", "mamba_use_mlp"));
    Backbone backbone =
        Backbone.read(config, Backbone.Names.HYBRID, 1e-5, false)
            .scaled(
                config.number("embedding_multiplier", 1), config.number("lm_head_multiplier", 1));
    int width = backbone.width();
    int depth = backbone.depth();
    AttentionAdapter attention = AttentionAdapter.read(config, 8, Rope.whole(config, 10_000));
    double key = config.number("key_multiplier", 1);
    if (key != 1) {
      // The scores are linear in the keys.
      attention = attention.scaled(key / Math.sqrt(attention.headDim()));
    }
    List<Double> mlp = config.numbers("mlp_multipliers", 2).orElse(ONES);
    SwigluAdapter ffn =
        SwigluAdapter.of(width, config.size("intermediate_size"), config.flag("mlp_bias", false))
            .gated(mlp.get(0));
    String norm = "input_layernorm";
    return new ModelPlan(
        backbone,
        BlockPlan.parallel(
            PathPlan.mixer(
                    "mamba", mamba(config, width, backbone.epsilon()), "mamba.", norm, all(depth))
                .scaled(
                    config.number("ssm_out_multiplier", 1), config.number("ssm_in_multiplier", 1)),
            PathPlan.mixer("attention", attention, "self_attn.", norm, all(depth))
                .scaled(
                    config.number("attention_out_multiplier", 1),
                    config.number("attention_in_multiplier", 1))),
        BlockPlan.sequential(
            PathPlan.ffn("ffn", ffn, "feed_forward.", "pre_ff_layernorm", all(depth))
                .scaled(mlp.get(1), 1)));
  }

  private static Mamba2Adapter mamba(PublishedConfig config, int width, double epsilon) {
    int expanded = config.expanded("mamba_expand", 2, width);
    int inner = config.integer("mamba_d_ssm").orElse(config.says("mamba_d_ssm") ? expanded : 1024);
    Mamba2Adapter part = Mamba2Adapter.read(config, inner, epsilon);
    String norm =
        !config.flag("mamba_rms_norm", false)
            ? "none"
            : config.flag("mamba_norm_before_gate", true) ? "before-gate" : "after-gate";
    config.harmless(List.of("mamba_norm_before_gate"));
    return part.with(
        config.flag("projectors_bias", false),
        norm,
        part.groups(),
        config.numbers("ssm_multipliers", 5).orElse(Mamba2Adapter.PLAIN));
  }
}
