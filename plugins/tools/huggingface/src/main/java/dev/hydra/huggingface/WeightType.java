package dev.hydra.huggingface;

import dev.hydra.libtorch.safetensors.DType;
import dev.hydra.libtorch.safetensors.TensorInfo;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A description that names a type which its weights have: transformers loads them in that type,
 * whatever they are stored in.
 *
 * @param json the text of config.json, the same but for {@code dtype} and {@code torch_dtype}
 * @param notes what was changed
 */
record WeightType(String json, List<String> notes) {
  /** Strings and brackets, and the keys wanted with their values. */
  private static final Pattern TOKEN =
      Pattern.compile(
          "(?<key>\"(?:torch_)?dtype\"\\s*:\\s*)\"(?<type>\\w+)\""
              + "|\"(?:[^\"\\\\]|\\\\.)*+\"|(?<open>[\\[{])|(?<close>[]}])");

  private static final Map<DType, String> NAMES =
      Map.of(
          DType.F64, "float64", DType.F32, "float32", DType.F16, "float16", DType.BF16, "bfloat16");

  /**
   * Names the type of most weights where the description names one that no weight has.
   *
   * @param weights floating-point tensors, at least one
   * @param json the text of config.json
   */
  static WeightType of(List<TensorInfo> weights, String json) {
    Map<DType, Long> bytes = new EnumMap<>(DType.class);
    weights.forEach(t -> bytes.merge(t.dtype(), t.end() - t.begin(), Long::sum));
    List<String> present = bytes.keySet().stream().map(NAMES::get).toList();
    DType most = bytes.entrySet().stream().max(Map.Entry.comparingByValue()).orElseThrow().getKey();
    String type = NAMES.getOrDefault(most, most.name());
    List<String> notes = new ArrayList<>();
    StringBuilder text = new StringBuilder();
    Matcher token = TOKEN.matcher(json);
    int depth = 0;
    while (token.find()) {
      depth += token.group("open") != null ? 1 : token.group("close") != null ? -1 : 0;
      String named = token.group("type");
      if (depth == 1 && named != null && NAMES.containsValue(named) && !present.contains(named)) {
        token.appendReplacement(text, "${key}\"" + type + '"');
        String key = token.group("key").replaceAll("\\W", "");
        notes.add("config.json: " + key + ": is " + type + " as the weights, not " + named);
      }
    }
    token.appendTail(text);
    return new WeightType(text.toString(), List.copyOf(notes));
  }
}
