package dev.hydra.huggingface;

import static dev.hydra.huggingface.ModelPlan.all;

import java.util.List;

/** Mamba-2 (arXiv 2405.21060). */
final class PureMamba2 {
  private PureMamba2() {}

  static ModelPlan plan(PublishedConfig config) {
    Family.requireSilu(config);
    Backbone backbone = Backbone.read(config, Backbone.Names.MAMBA, 1e-5, false);
    int width = backbone.width();
    int depth = backbone.depth();
    int heads = config.integer("num_heads", 128);
    int headDim = config.integer("head_dim", 64);
    int inner = config.expanded("expand", 2, width);
    if ((long) heads * headDim != inner) {
      throw config.invalid(
          "num_heads",
          "= %d heads of head_dim = %d do not make up expand * hidden_size = %d"
              .formatted(heads, headDim, inner));
    }
    if (config.flag("norm_before_gate", false)) {
      config.warn("norm_before_gate", "is ignored, as by transformers: norms are after the gate");
    }
    // Derived from others, or of no effect in this family.
    config.harmless(List.of("intermediate_size", "residual_in_fp32", "time_step_rank", "rms_norm"));
    boolean bias = config.flag("use_bias", false);
    List<Double> limit = Mamba2Adapter.stepLimit(config);
    Mamba2Adapter mamba =
        new Mamba2Adapter(
            width,
            heads,
            headDim,
            Mamba2Adapter.requireGroups(config, "n_groups", 8, heads),
            config.size("state_size", 128),
            config.integer("conv_kernel", 4),
            config.flag("use_conv_bias", true),
            bias,
            bias,
            "after-gate",
            1,
            backbone.epsilon(),
            limit.get(0),
            limit.get(1),
            Mamba2Adapter.PLAIN);
    return new ModelPlan(
        backbone,
        BlockPlan.sequential(PathPlan.mixer("mixer", mamba, "mixer.", "norm", all(depth))));
  }
}
