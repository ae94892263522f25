package dev.hydra.huggingface;

import static dev.hydra.huggingface.ModelPlan.others;

import java.util.List;
import java.util.TreeSet;

/** Bamba: Mamba-2 with attention in chosen layers, heads of which rotate by half. */
final class Bamba {
  private static final double ROTATING = 0.5;

  private Bamba() {}

  static ModelPlan plan(PublishedConfig config) {
    Family.requireSilu(config);
    Backbone backbone = Backbone.read(config, Backbone.Names.HYBRID, 1e-5, false);
    int width = backbone.width();
    int depth = backbone.depth();
    // The share stands in the rope parameters; beside them it has no effect.
    config.harmless(List.of("partial_rotary_factor", "layers_block_type", "layer_types"));
    AttentionAdapter attention =
        AttentionAdapter.read(config, 8, Rope.read(config, 10_000, ROTATING));
    int rotating = attention.rope().dims(attention.headDim());
    int named = config.integer("attn_rotary_emb", rotating);
    if (named != rotating) {
      config.warn(
          "attn_rotary_emb",
          "= %d is ignored, as by transformers: %d dimensions of a head rotate"
              .formatted(named, rotating));
    }
    if (config.number("z_loss_coefficient", 0) > 0) {
      config.warn("z_loss_coefficient", "adds a loss in training there; here there is none");
    }
    List<Integer> attending =
        List.copyOf(new TreeSet<>(config.integers("attn_layer_indices").orElse(List.of())));
    if (attending.stream().anyMatch(i -> i < 0 || i >= depth)) {
      throw config.invalid(
          "attn_layer_indices", "= " + attending + " must be within the " + depth + " layers");
    }
    SwigluAdapter ffn =
        SwigluAdapter.of(width, config.size("intermediate_size"), config.flag("mlp_bias", false));
    return new ModelPlan(
        backbone,
        BlockPlan.sequential(
            PathPlan.mixer(
                "mamba",
                Mamba2Adapter.read(
                    config, config.expanded("mamba_expand", 2, width), backbone.epsilon()),
                "mamba.",
                "input_layernorm",
                others(attending, depth)),
            PathPlan.mixer("attention", attention, "self_attn.", "input_layernorm", attending),
            PathPlan.ffn("ffn", ffn, "feed_forward.", "pre_ff_layernorm", ModelPlan.all(depth))));
  }
}
