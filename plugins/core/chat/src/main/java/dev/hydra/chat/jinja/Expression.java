package dev.hydra.chat.jinja;

/** Something of a template that has a value. */
@FunctionalInterface
interface Expression {
  Object in(Scope scope);
}
