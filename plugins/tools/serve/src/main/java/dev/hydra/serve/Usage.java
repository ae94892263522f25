package dev.hydra.serve;

import java.util.LinkedHashMap;
import java.util.Map;

/** The object {@code usage} of answers. */
final class Usage {
  private Usage() {}

  static Map<String, Object> of(long prompt, long drawn) {
    Map<String, Object> usage = new LinkedHashMap<>();
    usage.put("prompt_tokens", prompt);
    usage.put("completion_tokens", drawn);
    usage.put("total_tokens", prompt + drawn);
    return usage;
  }
}
