package dev.hydra.chat.jinja;

import java.util.List;

/** Something of a template that writes text or changes names. */
@FunctionalInterface
interface Statement {
  void run(Scope scope, StringBuilder out);

  static Statement all(List<Statement> some) {
    List<Statement> body = List.copyOf(some);
    return (scope, out) -> body.forEach(each -> each.run(scope, out));
  }
}
