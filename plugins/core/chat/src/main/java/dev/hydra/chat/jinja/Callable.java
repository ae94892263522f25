package dev.hydra.chat.jinja;

/** What a template may call: a macro, a function or a method. */
@FunctionalInterface
interface Callable {
  Object call(Arguments arguments);
}
