package dev.hydra.huggingface;

import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.function.Function;

/** The families of published models that can be expressed here. */
final class Family {
  /** By {@code model_type}. */
  private static final Map<String, Function<PublishedConfig, ModelPlan>> FAMILIES =
      Map.of(
          "llama", Llama::plan,
          "mixtral", Mixtral::plan,
          "mamba", PureMamba::plan,
          "mamba2", PureMamba2::plan,
          "jamba", Jamba::plan,
          "bamba", Bamba::plan,
          "falcon_h1", FalconH1::plan,
          "granitemoehybrid", GraniteMoeHybrid::plan);

  /** What every family may say without an effect on what the model computes. */
  private static final List<String> HARMLESS =
      List.of(
          // what the folder holds and who wrote it
          "architectures",
          "model_type",
          "dtype",
          "torch_dtype",
          "transformers_version",
          "_name_or_path",
          "name_or_path",
          "auto_map",
          "tokenizer_class",
          "unsloth_version",
          // tokens and generation
          "bos_token_id",
          "eos_token_id",
          "pad_token_id",
          "sep_token_id",
          "cls_token_id",
          "decoder_start_token_id",
          "max_position_embeddings",
          "use_cache",
          "num_logits_to_keep",
          "logits_to_keep",
          "temperature",
          "top_k",
          "top_p",
          "typical_p",
          "do_sample",
          "max_length",
          "min_length",
          "num_beams",
          "num_beam_groups",
          "num_return_sequences",
          "diversity_penalty",
          "length_penalty",
          "repetition_penalty",
          "early_stopping",
          "no_repeat_ngram_size",
          "encoder_no_repeat_ngram_size",
          "bad_words_ids",
          "forced_bos_token_id",
          "forced_eos_token_id",
          "remove_invalid_values",
          "exponential_decay_length_penalty",
          "suppress_tokens",
          "begin_suppress_tokens",
          "output_scores",
          "return_dict_in_generate",
          // how Python runs it
          "attn_implementation",
          "_attn_implementation",
          "_attn_implementation_internal",
          "output_attentions",
          "output_hidden_states",
          "return_dict",
          "torchscript",
          "use_bfloat16",
          "tf_legacy_loss",
          "chunk_size_feed_forward",
          "pruned_heads",
          "use_mambapy",
          "use_associative_scan",
          "use_mamba_kernels",
          "pretraining_tp",
          "mamba_chunk_size",
          "chunk_size",
          // other tasks than language modelling
          "is_decoder",
          "is_encoder_decoder",
          "add_cross_attention",
          "tie_encoder_decoder",
          "cross_attention_hidden_size",
          "problem_type",
          "finetuning_task",
          "task_specific_params",
          "id2label",
          "label2id",
          "prefix",
          // how weights began
          "initializer_range",
          "time_step_min",
          "time_step_max",
          "time_step_floor",
          "time_step_scale",
          "time_step_init_scheme",
          "rescale_prenorm_residual");

  private Family() {}

  /**
   * The model that a {@code config.json} describes, in our terms. What it says without effect here
   * is among its warnings.
   *
   * @throws dev.hydra.api.ConfigException for a family or a value that is not supported
   */
  static ModelPlan read(PublishedConfig config) {
    String type = config.text("model_type", "");
    Function<PublishedConfig, ModelPlan> family = FAMILIES.get(type);
    if (family == null) {
      throw config.unsupported(
          "model_type",
          type.isEmpty() ? "nothing" : type,
          "there are " + String.join(", ", new TreeSet<>(FAMILIES.keySet())));
    }
    if (config.has("quantization_config")) {
      throw config.invalid(
          "quantization_config", "is not supported; publish the weights as bf16, fp16 or fp32");
    }
    ModelPlan plan = family.apply(config);
    config.harmless(HARMLESS);
    config.warnOfUnread();
    return plan;
  }

  /** Refuses activations other than the one that most families have in their mixers, too. */
  static void requireSilu(PublishedConfig config) {
    String activation = config.text("hidden_act", "silu");
    if (!activation.equals("silu") && !activation.equals("swish")) {
      throw config.unsupported("hidden_act", activation, "there is silu");
    }
  }

  /** What routed models say about the loss in training. */
  static void warnOfRouterLosses(PublishedConfig config) {
    double coefficient = config.number("router_aux_loss_coef", 0.001);
    if (config.flag("output_router_logits", false) && coefficient > 0) {
      config.warn(
          "output_router_logits",
          "adds an auxiliary loss in training there; here set balance-loss of the router");
    }
    if (config.number("router_jitter_noise", 0) > 0) {
      config.warn("router_jitter_noise", "is not applied in training");
    }
  }
}
