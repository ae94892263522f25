package dev.hydra.huggingface;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A mixture of experts.
 *
 * @param normalize whether the weights of the chosen experts are scaled to a sum of one
 * @param sharedHidden the hidden size of what every token uses, 0 for none
 * @param layout how their file keeps it
 */
record MoeAdapter(
    int width,
    int hidden,
    int experts,
    int topK,
    boolean normalize,
    int sharedHidden,
    Layout layout)
    implements ComponentAdapter {
  /** No model has as many; each has tensors of its own. */
  private static final int MOST_EXPERTS = 10_000;

  /** Reads how many experts there are, under one of two names. */
  static int count(PublishedConfig config, String key, String other, int otherwise) {
    int count = config.integer(key, config.integer(other, otherwise));
    if (count < 0 || count > MOST_EXPERTS) {
      throw config.invalid(
          config.has(key) ? key : other,
          "= " + count + " is refused; up to " + MOST_EXPERTS + " are read");
    }
    return count;
  }

  /** Reads how many experts a token uses, of so many. */
  static int topK(PublishedConfig config, int experts) {
    String key = "num_experts_per_tok";
    int topK = config.size(key, 2);
    if (topK > experts) {
      throw config.invalid(key, "= %d is more than the %d experts".formatted(topK, experts));
    }
    return topK;
  }

  /** How a file keeps the tensors. */
  @FunctionalInterface
  interface Layout {
    void map(MoeAdapter moe, Mappings tensors);
  }

  /** A layout with every projection of every expert apart. */
  static Layout apart(String router, String gate, String up, String down) {
    return (moe, tensors) -> {
      List<TensorCut> gateUp = new ArrayList<>();
      List<TensorCut> downs = new ArrayList<>();
      for (int i = 0; i < moe.experts(); i++) {
        String expert = "experts." + i + ".";
        gateUp.add(TensorCut.of(expert + gate + ".weight", moe.hidden(), moe.width()));
        gateUp.add(TensorCut.of(expert + up + ".weight", moe.hidden(), moe.width()));
        downs.add(TensorCut.of(expert + down + ".weight", moe.width(), moe.hidden()));
      }
      tensors.renamed("router.weight", router + ".weight", moe.experts(), moe.width());
      tensors.together(List.of(moe.gateUp()), gateUp);
      tensors.together(List.of(moe.down()), downs);
    };
  }

  /** Our tensor of all gate and up projections. */
  TensorCut gateUp() {
    return TensorCut.of("gate_up.weight", experts, 2L * hidden, width);
  }

  /** Our tensor of all down projections. */
  TensorCut down() {
    return TensorCut.of("down.weight", experts, width, hidden);
  }

  /** The auxiliary losses are off: the published loss is without them. */
  @Override
  public Map<String, Object> options() {
    Map<String, Object> router = new LinkedHashMap<>();
    router.put("type", "topk");
    router.put("top-k", topK);
    if (!normalize) {
      router.put("normalize", false);
    }
    router.put("balance-loss", 0);
    router.put("z-loss", 0);
    Map<String, Object> options = new LinkedHashMap<>();
    options.put("type", "moe");
    options.put("experts", experts);
    options.put("hidden", hidden);
    if (sharedHidden > 0) {
      options.put("shared-hidden", sharedHidden);
    }
    options.put("router", router);
    return options;
  }

  @Override
  public void map(Mappings tensors) {
    layout.map(this, tensors);
  }
}
