package dev.hydra.chat.jinja;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The arguments of a call, not yet computed. */
record CallArguments(List<Expression> positional, Map<String, Expression> named) {
  static final CallArguments NONE = new CallArguments(List.of(), Map.of());

  Arguments in(Scope scope) {
    List<Object> values = new ArrayList<>();
    positional.forEach(each -> values.add(each.in(scope)));
    Map<String, Object> byName = new LinkedHashMap<>();
    named.forEach((name, each) -> byName.put(name, each.in(scope)));
    return new Arguments(values, byName);
  }
}
