package dev.hydra.huggingface;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A Mamba-2 mixer (arXiv 2405.21060).
 *
 * @param bias whether the input projection has a bias
 * @param outBias whether the output projection has one
 * @param norm {@code after-gate}, {@code before-gate} or {@code none}
 * @param normGroups groups of channels that the norm averages over
 * @param stepLow step sizes are never smaller
 * @param stepHigh nor larger
 * @param multipliers fixed factors of z, x, B, C and dt
 */
record Mamba2Adapter(
    int width,
    int heads,
    int headDim,
    int groups,
    int state,
    int convKernel,
    boolean convBias,
    boolean bias,
    boolean outBias,
    String norm,
    int normGroups,
    double normEpsilon,
    double stepLow,
    double stepHigh,
    List<Double> multipliers)
    implements ComponentAdapter {
  /** No factors. */
  static final List<Double> PLAIN = List.of(1.0, 1.0, 1.0, 1.0, 1.0);

  /** Reads the keys that begin with {@code mamba_}, as in Bamba and its relatives. */
  static Mamba2Adapter read(PublishedConfig config, int inner, double normEpsilon) {
    int heads = config.integer("mamba_n_heads", 128);
    int headDim = config.automatic("mamba_d_head", heads == 0 ? 0 : inner / heads);
    if ((long) heads * headDim != inner) {
      throw config.invalid(
          "mamba_n_heads",
          "= %d heads of mamba_d_head = %d do not make up the %d inner channels"
              .formatted(heads, headDim, inner));
    }
    boolean bias = config.flag("mamba_proj_bias", false);
    List<Double> limit = stepLimit(config);
    return new Mamba2Adapter(
        config.required("hidden_size"),
        heads,
        headDim,
        requireGroups(config, "mamba_n_groups", 1, heads),
        config.size("mamba_d_state", 256),
        config.integer("mamba_d_conv", 4),
        config.flag("mamba_conv_bias", true),
        bias,
        bias,
        "after-gate",
        1,
        normEpsilon,
        limit.get(0),
        limit.get(1),
        PLAIN);
  }

  /** The same with another bias of the output, norm and factors. */
  Mamba2Adapter with(
      boolean newOutBias, String newNorm, int newNormGroups, List<Double> newMultipliers) {
    return new Mamba2Adapter(
        width,
        heads,
        headDim,
        groups,
        state,
        convKernel,
        convBias,
        bias,
        newOutBias,
        newNorm,
        newNormGroups,
        normEpsilon,
        stepLow,
        stepHigh,
        newMultipliers);
  }

  /** Makes sure that the heads can be shared out among the groups of B and C. */
  static int requireGroups(PublishedConfig config, String key, int otherwise, int heads) {
    int groups = config.size(key, otherwise);
    if (heads % groups != 0) {
      throw config.invalid(key, "= %d must divide the %d heads".formatted(groups, heads));
    }
    return groups;
  }

  /** The smallest and the largest step size. */
  static List<Double> stepLimit(PublishedConfig config) {
    return config.range("time_step_limit").orElse(List.of(0.0, Double.POSITIVE_INFINITY));
  }

  private int inner() {
    return heads * headDim;
  }

  private long convChannels() {
    return inner() + 2L * groups * state;
  }

  @Override
  public Map<String, Object> options() {
    Map<String, Object> options = new LinkedHashMap<>();
    options.put("type", "mamba2");
    options.put("state", state);
    options.put("head-dim", headDim);
    if (inner() % width == 0) {
      options.put("expand", inner() / width);
    } else {
      options.put("inner", inner());
    }
    options.put("groups", groups);
    options.put("conv-kernel", convKernel);
    if (!convBias) {
      options.put("conv-bias", false);
    }
    if (bias) {
      options.put("bias", true);
    }
    if (outBias != bias) {
      options.put("out-bias", outBias);
    }
    if (stepLow > 0) {
      options.put("dt-limit-low", stepLow);
    }
    if (stepHigh < Double.POSITIVE_INFINITY) {
      options.put("dt-limit-high", stepHigh);
    }
    if (!norm.equals("after-gate")) {
      options.put("norm", norm);
    }
    if (!norm.equals("none")) {
      if (normGroups != 1) {
        options.put("norm-groups", normGroups);
      }
      options.put("norm-epsilon", normEpsilon);
    }
    if (!multipliers.equals(PLAIN)) {
      options.put("multipliers", multipliers);
    }
    return options;
  }

  @Override
  public void map(Mappings tensors) {
    tensors.linear("in_proj", inner() + convChannels() + heads, width, bias);
    tensors.same("conv1d.weight", convChannels(), 1, convKernel);
    if (convBias) {
      tensors.same("conv1d.bias", convChannels());
    }
    tensors.same("dt_bias", heads);
    tensors.same("A_log", heads);
    tensors.same("D", heads);
    if (!norm.equals("none")) {
      tensors.same("norm.weight", inner());
    }
    tensors.linear("out_proj", width, inner(), outBias);
  }
}
