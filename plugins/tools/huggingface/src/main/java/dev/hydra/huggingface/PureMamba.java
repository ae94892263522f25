package dev.hydra.huggingface;

import static dev.hydra.huggingface.ModelPlan.all;

import java.util.List;
import java.util.Optional;

/** Mamba (arXiv 2312.00752). */
final class PureMamba {
  private PureMamba() {}

  static ModelPlan plan(PublishedConfig config) {
    Family.requireSilu(config);
    Backbone backbone = Backbone.read(config, Backbone.Names.MAMBA, 1e-5, true);
    int width = backbone.width();
    int depth = backbone.depth();
    if (!config.flag("rms_norm", true)) {
      throw config.unsupported("rms_norm", false, "norms are RMS norms");
    }
    // Derived from others, or left by the converter.
    config.harmless(
        List.of(
            "residual_in_fp32",
            "d_inner",
            "d_model",
            "n_layer",
            "ssm_cfg",
            "fused_add_norm",
            "pad_vocab_size_multiple"));
    MambaAdapter mamba =
        new MambaAdapter(
            width,
            config.integer("intermediate_size", config.expanded("expand", 2, width)),
            config.size("state_size", 16),
            config.automatic("time_step_rank", (width + 15) / 16),
            config.integer("conv_kernel", 4),
            config.flag("use_conv_bias", true),
            config.flag("use_bias", false),
            Optional.empty());
    return new ModelPlan(
        backbone,
        BlockPlan.sequential(PathPlan.mixer("mixer", mamba, "mixer.", "norm", all(depth))));
  }
}
