package dev.hydra.huggingface;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The feed-forward of Llama.
 *
 * @param type {@code swiglu}, or {@code geglu} where the activation is another
 * @param gateMultiplier a factor on the gate before its activation
 * @param fused whether their file keeps gate and up as one tensor
 */
record SwigluAdapter(
    String type, int width, int hidden, boolean bias, double gateMultiplier, boolean fused)
    implements ComponentAdapter {
  private static final String SWIGLU = "swiglu";

  static SwigluAdapter of(int width, int hidden, boolean bias) {
    return new SwigluAdapter(SWIGLU, width, hidden, bias, 1, false);
  }

  /** With a factor on the gate. */
  SwigluAdapter gated(double multiplier) {
    return new SwigluAdapter(type, width, hidden, bias, multiplier, fused);
  }

  /** With gate and up as one tensor in the file. */
  SwigluAdapter together() {
    return new SwigluAdapter(type, width, hidden, bias, gateMultiplier, true);
  }

  /** With the activation that a {@code config.json} names, of those that there are. */
  SwigluAdapter activated(PublishedConfig config) {
    String activation = config.text("hidden_act", "silu");
    String found =
        switch (activation) {
          case "silu", "swish" -> SWIGLU;
          case "gelu" -> "geglu";
          default -> throw config.unsupported("hidden_act", activation, "there are silu and gelu");
        };
    return new SwigluAdapter(found, width, hidden, bias, gateMultiplier, fused);
  }

  @Override
  public Map<String, Object> options() {
    Map<String, Object> options = new LinkedHashMap<>();
    options.put("type", type);
    options.put("hidden", hidden);
    if (bias) {
      options.put("bias", true);
    }
    if (gateMultiplier != 1) {
      options.put("gate-multiplier", gateMultiplier);
    }
    return options;
  }

  @Override
  public void map(Mappings tensors) {
    if (fused) {
      tensors.together(
          List.of(
              TensorCut.of("gate_proj.weight", hidden, width),
              TensorCut.of("up_proj.weight", hidden, width)),
          List.of(TensorCut.of("input_linear.weight", 2L * hidden, width)));
      tensors.renamed("down_proj.weight", "output_linear.weight", width, hidden);
      return;
    }
    tensors.linear("gate_proj", hidden, width, bias);
    tensors.linear("up_proj", hidden, width, bias);
    tensors.linear("down_proj", width, hidden, bias);
  }
}
