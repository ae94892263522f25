package dev.hydra.huggingface;

import static dev.hydra.huggingface.ModelPlan.others;

import dev.hydra.api.ConfigException;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * Jamba (arXiv 2403.19887): Mamba with attention without positions every so many layers, and
 * experts in place of a dense feed-forward every so many layers.
 */
final class Jamba {
  private Jamba() {}

  static ModelPlan plan(PublishedConfig config) {
    Family.requireSilu(config);
    Family.warnOfRouterLosses(config);
    refuse(config);
    Backbone backbone = Backbone.read(config, Backbone.Names.HYBRID, 1e-6, false);
    int width = backbone.width();
    int depth = backbone.depth();
    int hidden = config.size("intermediate_size");
    int experts = MoeAdapter.count(config, "num_experts", "num_local_experts", 16);
    List<Integer> attending = every(config, "attn_layer", 8, 4, depth);
    List<Integer> routed = every(config, "expert_layer", 2, 1, depth);
    if (experts <= 1) {
      routed = List.of();
      config.harmless(List.of("num_experts_per_tok"));
    }
    AttentionAdapter attention = AttentionAdapter.read(config, 8, Rope.NONE);
    MoeAdapter moe =
        new MoeAdapter(
            width,
            hidden,
            experts,
            routed.isEmpty() ? 1 : MoeAdapter.topK(config, experts),
            false,
            0,
            MoeAdapter.apart("router", "gate_proj", "up_proj", "down_proj"));
    String ffnNorm = "pre_ff_layernorm";
    String below = "feed_forward.";
    return new ModelPlan(
        backbone,
        BlockPlan.sequential(
            PathPlan.mixer(
                "mamba",
                mamba(config, width, backbone.epsilon()),
                "mamba.",
                "input_layernorm",
                others(attending, depth)),
            PathPlan.mixer("attention", attention, "self_attn.", "input_layernorm", attending),
            PathPlan.ffn(
                "mlp",
                SwigluAdapter.of(width, hidden, false),
                below,
                ffnNorm,
                others(routed, depth)),
            PathPlan.ffn("moe", moe, below, ffnNorm, routed)));
  }

  private static void refuse(PublishedConfig config) {
    if (config.flag("attention_bias", false)) {
      throw config.unsupported("attention_bias", true, "Jamba's attention has none");
    }
    if (config.has("sliding_window")) {
      throw config.unsupported(
          "sliding_window", config.required("sliding_window"), "Jamba's attention sees all");
    }
    if (!config.flag("mamba_inner_layernorms", true)) {
      throw config.unsupported(
          "mamba_inner_layernorms", false, "Jamba norms the steps, B and C of its mixers");
    }
    config.harmless(List.of("n_ctx", "calc_logits_for_entire_prompt"));
  }

  private static MambaAdapter mamba(PublishedConfig config, int width, double epsilon) {
    return new MambaAdapter(
        width,
        config.expanded("mamba_expand", 2, width),
        config.size("mamba_d_state", 16),
        config.automatic("mamba_dt_rank", (width + 15) / 16),
        config.integer("mamba_d_conv", 4),
        config.flag("mamba_conv_bias", true),
        config.flag("mamba_proj_bias", false),
        Optional.of(epsilon));
  }

  /** The layers that a period and an offset choose. */
  private static List<Integer> every(
      PublishedConfig config, String key, int defaultPeriod, int defaultOffset, int depth) {
    int period = config.integer(key + "_period", defaultPeriod);
    int offset = config.integer(key + "_offset", defaultOffset);
    if (period < 1 || offset < 0 || offset >= period) {
      throw badOffset(config, key, period, offset);
    }
    return IntStream.range(0, depth).filter(i -> i % period == offset).boxed().toList();
  }

  private static ConfigException badOffset(
      PublishedConfig config, String key, int period, int offset) {
    return config.invalid(
        key + "_offset", "= %d must be below %s_period = %d".formatted(offset, key, period));
  }
}
