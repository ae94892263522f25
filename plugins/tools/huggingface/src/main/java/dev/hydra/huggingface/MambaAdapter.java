package dev.hydra.huggingface;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * A Mamba mixer (arXiv 2312.00752).
 *
 * @param stepRank the rank of the map to step sizes
 * @param innerNorm what is added to the mean square in the norms of step, B and C (Jamba, arXiv
 *     2403.19887); empty without them
 */
record MambaAdapter(
    int width,
    int inner,
    int state,
    int stepRank,
    int convKernel,
    boolean convBias,
    boolean bias,
    Optional<Double> innerNorm)
    implements ComponentAdapter {
  @Override
  public Map<String, Object> options() {
    Map<String, Object> options = new LinkedHashMap<>();
    options.put("type", "mamba");
    options.put("state", state);
    if (inner % width == 0) {
      options.put("expand", inner / width);
    } else {
      options.put("inner", inner);
    }
    options.put("dt-rank", stepRank);
    options.put("conv-kernel", convKernel);
    if (!convBias) {
      options.put("conv-bias", false);
    }
    if (bias) {
      options.put("bias", true);
    }
    innerNorm.ifPresent(
        epsilon -> {
          options.put("bcdt-norm", true);
          options.put("norm-epsilon", epsilon);
        });
    return options;
  }

  @Override
  public void map(Mappings tensors) {
    tensors.linear("in_proj", 2L * inner, width, bias);
    tensors.same("conv1d.weight", inner, 1, convKernel);
    if (convBias) {
      tensors.same("conv1d.bias", inner);
    }
    tensors.linear("x_proj", stepRank + 2L * state, inner, false);
    tensors.linear("dt_proj", inner, stepRank, true);
    tensors.same("A_log", inner, state);
    tensors.same("D", inner);
    tensors.linear("out_proj", width, inner, bias);
    if (innerNorm.isPresent()) {
      tensors.same("dt_layernorm.weight", stepRank);
      tensors.same("b_layernorm.weight", state);
      tensors.same("c_layernorm.weight", state);
    }
  }
}
