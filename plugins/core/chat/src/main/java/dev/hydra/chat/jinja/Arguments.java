package dev.hydra.chat.jinja;

import java.util.List;
import java.util.Map;

/** The arguments of a call: by position, and by name. */
record Arguments(List<Object> positional, Map<String, Object> named) {
  static final Arguments NONE = new Arguments(List.of(), Map.of());

  int size() {
    return positional.size();
  }

  /** Returns an argument, or something else if it is not given. */
  Object get(int index, String name, Object otherwise) {
    if (index < positional.size()) {
      return positional.get(index);
    }
    return named.getOrDefault(name, otherwise);
  }

  /** Returns an argument that must be given. */
  Object require(int index, String name) {
    if (index >= positional.size() && !named.containsKey(name)) {
      throw new JinjaException("the argument " + name + " is missing");
    }
    return get(index, name, None.NONE);
  }
}
