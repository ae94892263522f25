"""A plain float64 reference of the published families, in NumPy.

`python3 reference.py check ../golden` compares it with the golden models; `python3 reference.py make .`
makes the variants beside it: tiny random models with options that the golden ones do not have.
"""

import json
import math
import os
import sys

import numpy as np

from reference_model import Model
from safetensors_files import load, save


def check(folder):
    for family in sorted(os.listdir(folder)):
        at = os.path.join(folder, family)
        if not os.path.isdir(at):
            continue
        model = Model(json.load(open(at + "/config.json")), load(at + "/model.safetensors"))
        io = load(at + "/io.safetensors")
        worst = max(np.abs(model.logits(ids) - logits).max() for ids, logits in zip(io["input_ids"], io["logits"]))
        print(f"{family:20} {worst:.2e}")


def shapes(c):
    """The tensors that a file of this model has."""
    w, family, out = c["hidden_size"], c["model_type"], {}
    vocab = c["vocab_size"]

    def linear(name, o, i, biased=False):
        out[name + ".weight"] = (o, i)
        if biased:
            out[name + ".bias"] = (o,)

    def attention(at):
        size = c.get("head_dim") or w // c["num_attention_heads"]
        q, kv, biased = c["num_attention_heads"] * size, c["num_key_value_heads"] * size, c.get("attention_bias", False)
        linear(at + "q_proj", q, w, biased)
        linear(at + "k_proj", kv, w, biased)
        linear(at + "v_proj", kv, w, biased)
        linear(at + "o_proj", w, q, biased)

    def conv(at, channels):
        out[at + "conv1d.weight"] = (channels, 1, c.get("conv_kernel", c.get("mamba_d_conv")))
        if c.get("use_conv_bias", c.get("mamba_conv_bias")):
            out[at + "conv1d.bias"] = (channels,)

    def mamba(at):
        inner = w * c.get("expand", c.get("mamba_expand"))
        state, rank = c.get("state_size", c.get("mamba_d_state")), c.get("time_step_rank", c.get("mamba_dt_rank"))
        biased = c.get("use_bias", c.get("mamba_proj_bias"))
        linear(at + "in_proj", 2 * inner, w, biased)
        conv(at, inner)
        linear(at + "x_proj", rank + 2 * state, inner)
        linear(at + "dt_proj", inner, rank, True)
        out[at + "A_log"], out[at + "D"] = (inner, state), (inner,)
        linear(at + "out_proj", w, inner, biased)
        if family == "jamba":
            for name, size in (("dt", rank), ("b", state), ("c", state)):
                out[f"{at}{name}_layernorm.weight"] = (size,)

    def mamba2(at):
        inner = c.get("mamba_d_ssm") or w * c.get("expand", c.get("mamba_expand"))
        heads = c.get("num_heads", c.get("mamba_n_heads"))
        channels = inner + 2 * c.get("n_groups", c.get("mamba_n_groups")) * c.get("state_size", c.get("mamba_d_state"))
        biased = c.get("use_bias", c.get("mamba_proj_bias"))
        linear(at + "in_proj", inner + channels + heads, w, biased)
        conv(at, channels)
        for name in ("A_log", "D", "dt_bias"):
            out[at + name] = (heads,)
        if c.get("mamba_rms_norm", True):
            out[at + "norm.weight"] = (inner,)
        linear(at + "out_proj", w, inner, c.get("projectors_bias", biased))

    def swiglu(at, names=("gate_proj", "up_proj", "down_proj")):
        hidden, biased = c["intermediate_size"], c.get("mlp_bias", False)
        linear(at + names[0], hidden, w, biased)
        linear(at + names[1], hidden, w, biased)
        linear(at + names[2], w, hidden, biased)

    def ffn(at, i):
        if family == "llama":
            swiglu(at + "mlp.")
        elif family == "mixtral":
            linear(at + "block_sparse_moe.gate", c["num_local_experts"], w)
            for e in range(c["num_local_experts"]):
                swiglu(f"{at}block_sparse_moe.experts.{e}.", ("w1", "w3", "w2"))
        elif family == "granitemoehybrid":
            shared, hidden, n = c["shared_intermediate_size"], c["intermediate_size"], c["num_local_experts"]
            linear(at + "shared_mlp.input_linear", 2 * shared, w)
            linear(at + "shared_mlp.output_linear", w, shared)
            if n:
                out[at + "block_sparse_moe.input_linear.weight"] = (n, 2 * hidden, w)
                out[at + "block_sparse_moe.output_linear.weight"] = (n, w, hidden)
                linear(at + "block_sparse_moe.router.layer", n, w)
        elif family == "jamba" and i % c["expert_layer_period"] == c["expert_layer_offset"]:
            linear(at + "feed_forward.router", c["num_experts"], w)
            for e in range(c["num_experts"]):
                swiglu(f"{at}feed_forward.experts.{e}.")
        else:
            swiglu(at + "feed_forward.")

    def attends(i):
        if family == "jamba":
            return i % c["attn_layer_period"] == c["attn_layer_offset"]
        if family == "bamba":
            return i in c["attn_layer_indices"]
        if family == "granitemoehybrid":
            return "attention" == c["layer_types"][i].replace("full_", "")
        return family != "mamba" and family != "mamba2"

    pure = family in ("mamba", "mamba2")
    names = {True: ("backbone.", "embeddings", "norm_f"), False: ("model.", "embed_tokens", "final_layernorm")}[pure]
    final = "norm" if family in ("llama", "mixtral", "granitemoehybrid") else names[2]
    out[names[0] + names[1] + ".weight"] = (vocab, w)
    out[names[0] + final + ".weight"] = (w,)
    if not c["tie_word_embeddings"]:
        out["lm_head.weight"] = (vocab, w)
    for i in range(c["num_hidden_layers"]):
        at = f"{names[0]}layers.{i}."
        if pure:
            out[at + "norm.weight"] = (w,)
            (mamba if family == "mamba" else mamba2)(at + "mixer.")
            continue
        out[at + "input_layernorm.weight"] = (w,)
        second = "post_attention_layernorm" if final == "norm" else "pre_ff_layernorm"
        out[f"{at}{second}.weight"] = (w,)
        if attends(i):
            attention(at + "self_attn.")
        if family == "falcon_h1" or not attends(i):
            (mamba if family == "jamba" else mamba2)(at + "mamba.")
        ffn(at, i)
    return out


def random_weights(c, random):
    weights = {}
    for name, shape in shapes(c).items():
        if "norm" in name and len(shape) == 1:
            value = 1 + 0.2 * random.standard_normal(shape)
        elif name.endswith("A_log"):
            value = np.log(np.arange(1, shape[-1] + 1)) * np.ones(shape) + 0.1 * random.standard_normal(shape)
        elif name.endswith((".D", "dt_bias", ".bias")):
            value = 0.5 * random.standard_normal(shape)
        elif "embed" in name or "lm_head" in name:
            value = 0.5 * random.standard_normal(shape)
        else:
            value = random.standard_normal(shape) / math.sqrt(shape[-1])
        weights[name] = value.astype(np.float32)
    return weights


BASE = {"vocab_size": 48, "hidden_size": 32, "intermediate_size": 40, "num_hidden_layers": 3,
        "num_attention_heads": 4, "num_key_value_heads": 2, "rms_norm_eps": 1e-5, "hidden_act": "silu",
        "tie_word_embeddings": False, "max_position_embeddings": 64, "pad_token_id": None}
ROPE = {"rope_parameters": {"rope_type": "default", "rope_theta": 10000.0}}
SSD = {"mamba_n_heads": 8, "mamba_d_head": 8, "mamba_d_state": 6, "mamba_n_groups": 2, "mamba_d_conv": 4,
       "mamba_expand": 2, "mamba_conv_bias": True, "mamba_proj_bias": False, "time_step_limit": [0.0, {"__float__": "Infinity"}]}

# name: (what the reference computes with, what config.json says instead, type of the weights, shards)
VARIANTS = {
    "llama-llama3": (
        BASE | {"model_type": "llama", "num_attention_heads": 6, "head_dim": 8, "attention_bias": True, "mlp_bias": True,
                "tie_word_embeddings": True,
                "rope_parameters": {"rope_type": "llama3", "rope_theta": 500.0, "factor": 4.0, "low_freq_factor": 1.0,
                                    "high_freq_factor": 4.0, "original_max_position_embeddings": 16}}, {}, "BF16", 3),
    "llama-linear": (
        BASE | {"model_type": "llama", "num_key_value_heads": 4,
                "rope_parameters": {"rope_type": "linear", "rope_theta": 5000.0, "factor": 3.0}},
        {"rope_parameters": ..., "num_key_value_heads": None, "rope_theta": 5000.0,
         "rope_scaling": {"type": "linear", "factor": 3.0}, "torch_dtype": "float16"}, "F16", 1),
    "llama-yarn": (
        BASE | {"model_type": "llama", "num_attention_heads": 2, "num_key_value_heads": 1,
                "rope_parameters": {"rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0, "beta_fast": 16.0, "mscale": 0.7,
                                    "mscale_all_dim": 0.4, "original_max_position_embeddings": 16}}, {}, "F32", 1),
    "mixtral-window": (
        BASE | {"model_type": "mixtral", "num_attention_heads": 6, "num_key_value_heads": 3, "head_dim": 8, "sliding_window": 5,
                "num_local_experts": 5, "num_experts_per_tok": 3,
                "rope_parameters": {"rope_type": "yarn", "rope_theta": 10000.0, "factor": 2.0, "original_max_position_embeddings": 32}},
        {}, "F32", 2),
    "mamba-biased": (
        {"model_type": "mamba", "vocab_size": 48, "hidden_size": 32, "num_hidden_layers": 3, "expand": 3, "state_size": 5,
         "time_step_rank": 3, "conv_kernel": 3, "use_bias": True, "use_conv_bias": False, "layer_norm_epsilon": 1e-4,
         "tie_word_embeddings": False}, {}, "F32", 1),
    "mamba2-groups": (
        {"model_type": "mamba2", "vocab_size": 48, "hidden_size": 32, "num_hidden_layers": 3, "expand": 2, "state_size": 6,
         "num_heads": 4, "head_dim": 16, "n_groups": 2, "conv_kernel": 3, "use_bias": True, "use_conv_bias": True,
         "layer_norm_epsilon": 1e-4, "time_step_limit": [0.4, 0.9], "tie_word_embeddings": True}, {}, "F32", 1),
    "jamba-periods": (
        BASE | {"model_type": "jamba", "num_hidden_layers": 7, "attn_layer_period": 3, "attn_layer_offset": 2,
                "expert_layer_period": 2, "expert_layer_offset": 0, "num_experts": 3, "num_experts_per_tok": 1,
                "mamba_expand": 2, "mamba_d_state": 5, "mamba_dt_rank": 2, "mamba_d_conv": 4, "mamba_conv_bias": True,
                "mamba_proj_bias": True, "tie_word_embeddings": True},
        {"mamba_dt_rank": "auto", "pad_token_id": 0}, "F32", 1),
    "bamba-indices": (
        BASE | SSD | {"model_type": "bamba", "num_hidden_layers": 5, "attn_layer_indices": [0, 3, 4], "attention_bias": True,
                      "mlp_bias": True, "mamba_proj_bias": True,
                      "rope_parameters": {"rope_type": "linear", "rope_theta": 1000.0, "factor": 2.0, "partial_rotary_factor": 0.25}},
        {"mamba_d_head": "auto", "partial_rotary_factor": 0.5}, "BF16", 1),
    "falcon-before-gate": (
        BASE | SSD | ROPE | {"model_type": "falcon_h1", "head_dim": 12, "mamba_d_ssm": 48, "mamba_d_head": 6,
                             "mamba_rms_norm": True, "mamba_norm_before_gate": True, "attention_in_multiplier": 0.8,
                             "attention_out_multiplier": 0.7, "key_multiplier": 0.6, "embedding_multiplier": 3.0,
                             "lm_head_multiplier": 0.5, "mlp_multipliers": [0.9, 0.4], "ssm_in_multiplier": 1.25,
                             "ssm_out_multiplier": 0.3, "ssm_multipliers": [0.5, 0.25, 1.5, 0.75, 0.6],
                             "projectors_bias": True}, {}, "F32", 1),
    "falcon-after-gate": (
        BASE | SSD | ROPE | {"model_type": "falcon_h1", "num_hidden_layers": 2, "head_dim": 8, "mamba_d_ssm": 64,
                             "mamba_rms_norm": True, "mamba_norm_before_gate": False, "attention_in_multiplier": 1.0,
                             "attention_out_multiplier": 1.0, "key_multiplier": 1.0, "embedding_multiplier": 1.0,
                             "lm_head_multiplier": 1.0, "mlp_multipliers": [1.0, 1.0], "ssm_in_multiplier": 1.0,
                             "ssm_out_multiplier": 1.0, "ssm_multipliers": [1.0] * 5, "mamba_proj_bias": True, "projectors_bias": False, "tie_word_embeddings": True,
                             "mlp_bias": True, "attention_bias": True}, {"mamba_d_ssm": None, "head_dim": 8}, "F32", 1),
    "granite-experts": (
        BASE | SSD | ROPE | {"model_type": "granitemoehybrid", "layer_types": ["mamba", "attention", "mamba"],
                             "position_embedding_type": "rope", "attention_multiplier": 0.2, "embedding_multiplier": 4.0,
                             "residual_multiplier": 0.4, "logits_scaling": 3.0, "num_local_experts": 5, "num_experts_per_tok": 3,
                             "shared_intermediate_size": 24, "tie_word_embeddings": True, "attention_bias": True},
        {}, "BF16", 2),
    "granite-dense": (
        BASE | SSD | {"model_type": "granitemoehybrid", "num_hidden_layers": 4, "layer_types": ["attention", "mamba", "mamba", "attention"],
                      "position_embedding_type": "nope", "attention_multiplier": 0.3, "embedding_multiplier": 1.0,
                      "residual_multiplier": 1.0, "logits_scaling": 1.0, "num_local_experts": 0, "num_experts_per_tok": 0,
                      "shared_intermediate_size": 24},
        {"layers_block_type": ["attention", "mamba", "mamba", "attention"], "layer_types": ...}, "F32", 1),
    "llama-gelu": (
        BASE | ROPE | {"model_type": "llama", "hidden_act": "gelu", "mlp_bias": True, "num_hidden_layers": 2}, {}, "F32", 1),
}

# Prompts with padding: where it stands in them, for mixers of which the projection has a bias.
PADDING = 7
PADDED = {"mamba-biased": [0, 5, 6], "jamba-periods": [4, 11], "bamba-indices": [2, 9, 10], "falcon-after-gate": [0, 1, 13]}


def make(folder):
    for number, (name, (config, said, dtype, shards)) in enumerate(VARIANTS.items()):
        at = os.path.join(folder, name)
        os.makedirs(at, exist_ok=True)
        random = np.random.default_rng(number)
        weights = random_weights(config, random)
        written = {key: value for key, value in (config | said).items() if value is not ...}
        with open(at + "/config.json", "w") as file:
            json.dump(dict(sorted(written.items())), file, indent=2)
            file.write("\n")
        if shards == 1:
            save(at + "/model.safetensors", weights, dtype, {"format": "pt"})
            weights = load(at + "/model.safetensors")
        else:
            index, rounded = {}, {}
            for i in range(shards):
                part = f"model-{i + 1:05}-of-{shards:05}.safetensors"
                names = sorted(weights)[i::shards]
                save(f"{at}/{part}", {n: weights[n] for n in names}, dtype, {"format": "pt"})
                rounded |= load(f"{at}/{part}")
                index |= {n: part for n in names}
            weights = rounded
            with open(at + "/model.safetensors.index.json", "w") as file:
                json.dump({"metadata": {}, "weight_map": dict(sorted(index.items()))}, file, indent=2)
                file.write("\n")
        ids = random.integers(0, config["vocab_size"], (2, 24))
        model = Model(config, weights)
        io = {"input_ids": ids, "logits": np.stack([model.logits(row) for row in ids])}
        if name in PADDED:
            row = ids[0].copy()
            row[ids[0] == PADDING] = PADDING + 1
            row[PADDED[name]] = PADDING
            io |= {"padded.input_ids": row[None], "padded.logits": Model(config, weights, PADDING).logits(row)[None]}
        save(at + "/io.safetensors", io)


if __name__ == "__main__":
    {"check": check, "make": make}[sys.argv[1]](sys.argv[2])
