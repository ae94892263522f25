package dev.hydra.huggingface;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The feed-forward of Llama.
 *
 * @param gateMultiplier a factor on the gate before its activation
 * @param fused whether their file keeps gate and up as one tensor
 */
record SwigluPart(int width, int hidden, boolean bias, double gateMultiplier, boolean fused)
    implements Part {
  static SwigluPart of(int width, int hidden, boolean bias) {
    return new SwigluPart(width, hidden, bias, 1, false);
  }

  @Override
  public Map<String, Object> options() {
    Map<String, Object> options = new LinkedHashMap<>();
    options.put("type", "swiglu");
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
