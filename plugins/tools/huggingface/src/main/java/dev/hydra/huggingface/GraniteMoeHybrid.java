package dev.hydra.huggingface;

import static dev.hydra.huggingface.ModelPlan.all;
import static dev.hydra.huggingface.ModelPlan.others;

import java.util.Collections;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Granite 4.0: Mamba-2 with attention in chosen layers, mostly without positions, and experts
 * beside a shared feed-forward, or the latter alone.
 */
final class GraniteMoeHybrid {
  private static final List<String> MAMBA = List.of("mamba", "linear_attention");
  private static final List<String> ATTENTION = List.of("attention", "full_attention");

  private GraniteMoeHybrid() {}

  static ModelPlan plan(PublishedConfig config) {
    Family.requireSilu(config);
    Family.warnOfRouterLosses(config);
    refuse(config);
    double divisor = config.number("logits_scaling", 1);
    if (divisor == 0) {
      throw config.unsupported("logits_scaling", divisor, "logits are divided by it");
    }
    Backbone backbone =
        Backbone.read(config, Backbone.Names.LLAMA, 1e-6, false)
            .scaled(config.number("embedding_multiplier", 1), 1 / divisor);
    int width = backbone.width();
    int depth = backbone.depth();
    List<Integer> attending = attending(config, depth);
    AttentionAdapter attention = attention(config);
    double residual = config.number("residual_multiplier", 1);
    String norm = "input_layernorm";
    return new ModelPlan(
        backbone,
        BlockPlan.sequential(
            PathPlan.mixer(
                    "mamba",
                    Mamba2Adapter.read(
                        config, config.expanded("mamba_expand", 2, width), backbone.epsilon()),
                    "mamba.",
                    norm,
                    others(attending, depth))
                .scaled(residual, 1),
            PathPlan.mixer("attention", attention, "self_attn.", norm, attending)
                .scaled(residual, 1),
            ffn(config, width, depth).scaled(residual, 1)));
  }

  private static void refuse(PublishedConfig config) {
    if (config.flag("mlp_bias", false)) {
      throw config.unsupported("mlp_bias", true, "Granite's feed-forward has none");
    }
    String norm = config.text("normalization_function", "rmsnorm");
    if (!norm.equals("rmsnorm")) {
      throw config.unsupported("normalization_function", norm, "there is rmsnorm");
    }
    config.harmless(List.of("init_method"));
  }

  private static List<Integer> attending(PublishedConfig config, int depth) {
    String key = config.has("layer_types") ? "layer_types" : "layers_block_type";
    List<String> types = config.texts(key).orElse(Collections.nCopies(depth, MAMBA.get(0)));
    if (types.size() != depth) {
      throw config.invalid(
          key, "names " + types.size() + " layers, but num_hidden_layers = " + depth);
    }
    for (String type : types) {
      if (!MAMBA.contains(type) && !ATTENTION.contains(type)) {
        throw config.unsupported(key, type, "there are " + MAMBA + " and " + ATTENTION);
      }
    }
    return IntStream.range(0, depth).filter(i -> ATTENTION.contains(types.get(i))).boxed().toList();
  }

  private static AttentionAdapter attention(PublishedConfig config) {
    Rope rope = Rope.NONE;
    if (config.text("position_embedding_type", "none").equals("rope")) {
      rope = Rope.whole(config, 10_000);
    } else {
      config.harmless(
          List.of("rope_theta", "rope_scaling", "rope_parameters", "partial_rotary_factor"));
    }
    return AttentionAdapter.read(config, config.integer("num_attention_heads", 32), rope)
        .scaled(config.number("attention_multiplier", 1));
  }

  private static PathPlan ffn(PublishedConfig config, int width, int depth) {
    int shared = config.integer("shared_intermediate_size", 1024);
    if (shared < 1) {
      throw config.unsupported(
          "shared_intermediate_size",
          shared,
          "there is always a shared feed-forward; give it 1 and weights of zero");
    }
    if (config.says("num_local_experts") && !config.has("num_local_experts")) {
      throw config.invalid("num_local_experts", "must be a whole number, 0 for none");
    }
    int experts = MoeAdapter.count(config, "num_local_experts", "num_experts", 8);
    String norm = "post_attention_layernorm";
    if (experts == 0) {
      config.harmless(List.of("num_experts_per_tok", "intermediate_size"));
      SwigluAdapter alone = SwigluAdapter.of(width, shared, false).together();
      return PathPlan.ffn("ffn", alone, "shared_mlp.", norm, all(depth));
    }
    MoeAdapter moe =
        new MoeAdapter(
            width,
            config.size("intermediate_size", 11008),
            experts,
            MoeAdapter.topK(config, experts),
            true,
            shared,
            GraniteMoeHybrid::together);
    return PathPlan.ffn("ffn", moe, "", norm, all(depth));
  }

  /** Granite's file keeps experts together, as we do. */
  private static void together(MoeAdapter moe, Mappings tensors) {
    String chosen = "block_sparse_moe.";
    long shared = moe.sharedHidden();
    tensors.renamed("router.weight", chosen + "router.layer.weight", moe.experts(), moe.width());
    tensors.together(
        List.of(moe.gateUp()), List.of(moe.gateUp().named(chosen + "input_linear.weight")));
    tensors.together(
        List.of(moe.down()), List.of(moe.down().named(chosen + "output_linear.weight")));
    tensors.renamed(
        "shared.gate_up.weight", "shared_mlp.input_linear.weight", 2 * shared, moe.width());
    tensors.renamed("shared.down.weight", "shared_mlp.output_linear.weight", moe.width(), shared);
  }
}
