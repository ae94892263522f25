"""The published families in plain float64 NumPy."""

import math

import numpy as np

INF = float("inf")


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
