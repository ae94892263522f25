"""A plain float64 reference of the published families, in NumPy.

`python3 reference.py check ../golden` compares it with the golden models; `python3 reference.py make .`
makes the variants beside it: tiny random models with options that the golden ones do not have.
"""

import json
import math
import os
import struct
import sys

import numpy as np

INF = float("inf")
TYPES = {"F32": "<f4", "F64": "<f8", "I64": "<i8", "BF16": "<u2", "F16": "<f2"}


def load(path):
    data = open(path, "rb").read()
    size = struct.unpack("<Q", data[:8])[0]
    tensors = {}
    for name, info in json.loads(data[8 : 8 + size]).items():
        if name != "__metadata__":
            begin, end = (8 + size + offset for offset in info["data_offsets"])
            array = np.frombuffer(data[begin:end], TYPES[info["dtype"]]).reshape(info["shape"])
            if info["dtype"] == "BF16":
                array = (array.astype(np.uint32) << 16).view(np.float32)
            tensors[name] = array
    return tensors


def save(path, tensors, dtype="F32", metadata=None):
    header, offset, blobs = {}, 0, []
    if metadata:
        header["__metadata__"] = metadata
    for name in sorted(tensors):
        array, kind = tensors[name], dtype
        if array.dtype == np.int64:
            kind, blob = "I64", array.astype("<i8").tobytes()
        elif dtype == "BF16":
            blob = bf16(array).tobytes()
        else:
            blob = array.astype(TYPES[dtype]).tobytes()
        header[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": [offset, offset + len(blob)]}
        offset += len(blob)
        blobs.append(blob)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(blobs))


def bf16(array):
    bits = array.astype(np.float32).view(np.uint32).astype(np.uint64)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def silu(x):
    return x * sigmoid(x)


def gelu(x):
    return x * (1 + np.vectorize(math.erf)(x / math.sqrt(2))) / 2


def softplus(x):
    return np.log1p(np.exp(-np.abs(x))) + np.maximum(x, 0)


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def rms(x, weight, epsilon):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + epsilon) * weight


class Model:
    """One published model; `logits` maps token ids [time] to logits [time, vocabulary].

    Tokens of padding, where they are named, are not attended to and not counted in positions. State
    spaces project zeros of them and take zeros of them out of their convolution.
    """

    def __init__(self, config, weights, padding=None):
        self.padding = padding
        self.c = config
        self.w = {name: array.astype(np.float64) for name, array in weights.items()}
        self.family = config["model_type"]

    def linear(self, x, name):
        y = x @ self.w[name + ".weight"].T
        return y + self.w[name + ".bias"] if name + ".bias" in self.w else y

    def norm(self, x, name):
        return rms(x, self.w[name + ".weight"], self.epsilon())

    def epsilon(self):
        return self.c.get("rms_norm_eps", self.c.get("layer_norm_epsilon"))

    def logits(self, ids):
        c = self.c
        self.real = np.ones(len(ids), bool) if self.padding is None else ids != self.padding
        pure = self.family in ("mamba", "mamba2")
        table = self.w["backbone.embeddings.weight" if pure else "model.embed_tokens.weight"]
        x = table[ids] * c.get("embedding_multiplier", 1)
        for i in range(c["num_hidden_layers"]):
            x = self.layer(x, i)
        last = {"mamba": "backbone.norm_f", "mamba2": "backbone.norm_f", "llama": "model.norm",
                "mixtral": "model.norm", "granitemoehybrid": "model.norm"}
        x = self.norm(x, last.get(self.family, "model.final_layernorm"))
        head = table if c["tie_word_embeddings"] else self.w["lm_head.weight"]
        return x @ head.T * c.get("lm_head_multiplier", 1) / c.get("logits_scaling", 1)

    def layer(self, x, i):
        c, family = self.c, self.family
        if family in ("mamba", "mamba2"):
            at = f"backbone.layers.{i}."
            u = self.norm(x, at + "norm")
            return x + (self.mamba if family == "mamba" else self.mamba2)(u, at + "mixer.")
        at = f"model.layers.{i}."
        residual = c.get("residual_multiplier", 1)
        u = self.norm(x, at + "input_layernorm")
        if family == "falcon_h1":
            y = self.mamba2(u * c["ssm_in_multiplier"], at + "mamba.") * c["ssm_out_multiplier"]
            y = y + self.attention(u * c["attention_in_multiplier"], at + "self_attn.") * c["attention_out_multiplier"]
        elif at + "self_attn.q_proj.weight" in self.w:
            y = self.attention(u, at + "self_attn.")
        else:
            y = (self.mamba if family == "jamba" else self.mamba2)(u, at + "mamba.")
        x = x + y * residual
        second = "post_attention_layernorm" if family in ("llama", "mixtral", "granitemoehybrid") else "pre_ff_layernorm"
        return x + self.ffn(self.norm(x, at + second), at, i) * residual

    def rope(self, head_dim):
        c = self.c
        if self.family == "jamba" or (self.family == "granitemoehybrid" and c.get("position_embedding_type") != "rope"):
            return None, 1
        p = c["rope_parameters"]
        dim = int(head_dim * p.get("partial_rotary_factor", 0.5 if self.family == "bamba" else 1.0))
        base, kind = p["rope_theta"], p["rope_type"]
        frequency = base ** (-np.arange(0, dim, 2) / dim)
        if kind == "linear":
            return frequency / p["factor"], 1
        if kind == "llama3":
            length, factor = p["original_max_position_embeddings"], p["factor"]
            low, high = p["low_freq_factor"], p["high_freq_factor"]
            wave = 2 * math.pi / frequency
            smooth = (length / wave - low) / (high - low)
            middle = (1 - smooth) * frequency / factor + smooth * frequency
            return np.where(wave < length / high, frequency, np.where(wave > length / low, frequency / factor, middle)), 1
        if kind == "yarn":
            length, factor = p["original_max_position_embeddings"], p["factor"]
            turn = lambda n: dim * math.log(length / (n * 2 * math.pi)) / (2 * math.log(base))
            low = max(math.floor(turn(p.get("beta_fast") or 32)), 0)
            high = min(math.ceil(turn(p.get("beta_slow") or 1)), dim - 1)
            ramp = np.clip((np.arange(dim // 2) - low) / ((high - low) or 0.001), 0, 1)
            scale = lambda m: 1.0 if factor <= 1 else 0.1 * m * math.log(factor) + 1
            amplitude = p.get("attention_factor")
            if amplitude is None:
                both = p.get("mscale") and p.get("mscale_all_dim")
                amplitude = scale(p["mscale"]) / scale(p["mscale_all_dim"]) if both else scale(1)
            return frequency / factor * ramp + frequency * (1 - ramp), amplitude
        return frequency, 1

    def attention(self, x, at):
        c, time = self.c, len(x)
        heads = c["num_attention_heads"]
        groups = c.get("num_key_value_heads") or heads
        size = c.get("head_dim") or c["hidden_size"] // heads
        q = self.linear(x, at + "q_proj").reshape(time, heads, size)
        k = self.linear(x, at + "k_proj").reshape(time, groups, size) * c.get("key_multiplier", 1)
        v = self.linear(x, at + "v_proj").reshape(time, groups, size)
        frequency, amplitude = self.rope(size)
        if frequency is not None:
            half = len(frequency)
            angle = (np.cumsum(self.real) - 1)[:, None, None] * frequency
            cos, sin = np.cos(angle) * amplitude, np.sin(angle) * amplitude

            def turn(u):
                a, b, rest = u[..., :half], u[..., half : 2 * half], u[..., 2 * half :]
                return np.concatenate([a * cos - b * sin, b * cos + a * sin, rest], -1)

            q, k = turn(q), turn(k)
        scale = c["attention_multiplier"] if self.family == "granitemoehybrid" else size**-0.5
        distance = np.arange(time)[:, None] - np.arange(time)
        seen = (distance >= 0) & (distance < (c.get("sliding_window") or time)) & (self.real | (distance == 0))
        out = np.empty((time, heads, size))
        for h in range(heads):
            g = h // (heads // groups)
            out[:, h] = softmax(np.where(seen, q[:, h] @ k[:, g].T * scale, -INF)) @ v[:, g]
        return self.linear(out.reshape(time, -1), at + "o_proj")

    def conv(self, x, at):
        weight = self.w[at + "conv1d.weight"][:, 0]
        kernel = weight.shape[1]
        padded = np.vstack([np.zeros((kernel - 1, x.shape[1])), x])
        y = sum(padded[i : i + len(x)] * weight[:, i] for i in range(kernel))
        return silu(y + self.w.get(at + "conv1d.bias", 0)) * self.real[:, None]

    def mamba(self, x, at):
        inner, state = self.w[at + "A_log"].shape
        x, z = np.split(self.linear(x * self.real[:, None], at + "in_proj"), 2, -1)
        x = self.conv(x, at)
        selected = self.linear(x, at + "x_proj")
        rank = selected.shape[1] - 2 * state
        dt, b, c = np.split(selected, [rank, rank + state], -1)
        if self.family == "jamba":
            dt, b, c = (self.norm(t, at + n) for t, n in ((dt, "dt_layernorm"), (b, "b_layernorm"), (c, "c_layernorm")))
        dt = softplus(self.linear(dt, at + "dt_proj"))
        a = -np.exp(self.w[at + "A_log"])
        s, y = np.zeros((inner, state)), np.empty_like(x)
        for t in range(len(x)):
            s = s * np.exp(dt[t][:, None] * a) + (dt[t] * x[t])[:, None] * b[t]
            y[t] = s @ c[t] + self.w[at + "D"] * x[t]
        return self.linear(y * silu(z), at + "out_proj")

    def mamba2(self, x, at):
        c = self.c
        heads = len(self.w[at + "A_log"])
        groups = c.get("n_groups", c.get("mamba_n_groups"))
        state = c.get("state_size", c.get("mamba_d_state"))
        inner = self.w[at + "out_proj.weight"].shape[1]
        projected = self.linear(x * self.real[:, None], at + "in_proj")
        cuts = np.cumsum([inner, inner, groups * state, groups * state])
        parts = np.split(projected, cuts, -1)
        z, xs, b, cc, dt = (p * m for p, m in zip(parts, c.get("ssm_multipliers", [1] * 5)))
        mixed = self.conv(np.concatenate([xs, b, cc], -1), at)
        xs, b, cc = np.split(mixed, [inner, inner + groups * state], -1)
        low, high = c["time_step_limit"]
        high = INF if isinstance(high, dict) else high
        dt = np.clip(softplus(dt + self.w[at + "dt_bias"]), low, high)
        a = -np.exp(self.w[at + "A_log"])
        s, y = np.zeros((heads, inner // heads, state)), np.empty_like(xs)
        for t in range(len(x)):
            xh = xs[t].reshape(heads, -1)
            bh, ch = (np.repeat(u[t].reshape(groups, state), heads // groups, 0) for u in (b, cc))
            s = s * np.exp(dt[t] * a)[:, None, None] + (dt[t][:, None] * xh)[:, :, None] * bh[:, None]
            y[t] = ((s @ ch[:, :, None])[:, :, 0] + self.w[at + "D"][:, None] * xh).reshape(-1)
        if self.family != "falcon_h1":
            return self.linear(rms(y * silu(z), self.w[at + "norm.weight"], self.epsilon()), at + "out_proj")
        if not c["mamba_rms_norm"]:
            return self.linear(y * silu(z), at + "out_proj")
        before = c["mamba_norm_before_gate"]
        y = (y if before else y * silu(z)).reshape(len(x), groups, -1)
        y = rms(y, self.w[at + "norm.weight"].reshape(groups, -1), self.epsilon()).reshape(len(x), inner)
        return self.linear(y * silu(z) if before else y, at + "out_proj")

    def ffn(self, x, at, i):
        c, family = self.c, self.family
        if family == "granitemoehybrid":
            y = self.fused(x, self.w[at + "shared_mlp.input_linear.weight"], self.w[at + "shared_mlp.output_linear.weight"])
            if c["num_local_experts"]:
                moe = at + "block_sparse_moe."
                expert = lambda u, e: self.fused(u, self.w[moe + "input_linear.weight"][e], self.w[moe + "output_linear.weight"][e])
                y = y + self.experts(x, self.w[moe + "router.layer.weight"], expert, True)
            return y
        if family == "mixtral":
            moe = at + "block_sparse_moe."
            expert = lambda u, e: (silu(self.linear(u, f"{moe}experts.{e}.w1")) * self.linear(u, f"{moe}experts.{e}.w3")) @ self.w[f"{moe}experts.{e}.w2.weight"].T
            return self.experts(x, self.w[moe + "gate.weight"], expert, True)
        if at + "feed_forward.router.weight" in self.w:
            moe = at + "feed_forward.experts."
            expert = lambda u, e: self.swiglu(u, f"{moe}{e}.")
            return self.experts(x, self.w[at + "feed_forward.router.weight"], expert, False)
        return self.swiglu(x, at + ("mlp." if family == "llama" else "feed_forward."))

    def swiglu(self, x, at):
        gate, down = self.c.get("mlp_multipliers", [1, 1])
        act = {"silu": silu, "gelu": gelu}[self.c.get("hidden_act", "silu")]
        y = act(self.linear(x, at + "gate_proj") * gate) * self.linear(x, at + "up_proj")
        return self.linear(y, at + "down_proj") * down

    @staticmethod
    def fused(x, first, second):
        gate, up = np.split(x @ first.T, 2, -1)
        return (silu(gate) * up) @ second.T

    def experts(self, x, router, expert, normalize):
        scores = softmax(x @ router.T)
        y = np.zeros_like(x)
        for t in range(len(x)):
            best = np.argsort(-scores[t], kind="stable")[: self.c["num_experts_per_tok"]]
            weights = scores[t][best] / (scores[t][best].sum() if normalize else 1)
            y[t] = sum(w * expert(x[t], e) for w, e in zip(weights, best))
        return y


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
