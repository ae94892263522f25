package dev.hydra.serve;

import java.util.List;
import java.util.Map;

/** Checks the form of what conversations say of tools, which templates take as it is. */
final class Tools {
  static final String CALLS = "tool_calls";

  private static final String FUNCTION = "function";

  private Tools() {}

  /** Reads the tools that a request offers; none where it chooses none. */
  static List<?> offered(Fields fields) {
    List<?> tools = fields.list("tools");
    for (int i = 0; i < tools.size(); i++) {
      if (!(tools.get(i) instanceof Map<?, ?> tool)
          || !FUNCTION.equals(tool.get("type"))
          || !(tool.get(FUNCTION) instanceof Map<?, ?> function)
          || !(function.get("name") instanceof String)) {
        throw ApiException.field(
            "tools[" + i + "]",
            "must be {\"type\": \"function\", \"function\": {\"name\": a string, ...}}");
      }
    }
    return "none".equals(fields.any("tool_choice")) ? List.of() : tools;
  }

  /** Checks the calls of a message: no field, null and an empty array are no calls. */
  static void checkCalls(String name, Map<?, ?> message) {
    if (message.get("function_call") != null) {
      throw ApiException.field(
          name + ".function_call", "is not supported; give " + CALLS + " instead");
    }
    Object calls = message.get(CALLS);
    if (calls != null
        && !(calls instanceof List<?> list && list.stream().allMatch(Map.class::isInstance))) {
      throw ApiException.field(name + "." + CALLS, "must be an array of objects");
    }
  }

  /** Says whether a message that was checked calls tools. */
  static boolean called(Map<?, ?> message) {
    return message.get(CALLS) instanceof List<?> calls && !calls.isEmpty();
  }
}
