package dev.hydra.chat.jinja;

import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The names that are known at one place; what is set in an inner scope ends with it. */
final class Scope {
  private final @Nullable Scope outer;
  private final Map<String, Object> values = new HashMap<>();

  Scope(@Nullable Scope outer) {
    this.outer = outer;
  }

  Object get(String name) {
    for (Scope scope = this; scope != null; scope = scope.outer) {
      Object value = scope.values.get(name);
      if (value != null) {
        return value;
      }
    }
    return new Undefined("'" + name + "'");
  }

  void set(String name, Object value) {
    values.put(name, value);
  }
}
