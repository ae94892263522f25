package dev.hydra.chat.jinja;

/**
 * Hears where a rendered text is what the assistant says: the statement {@code generation} marks
 * it, as for {@code return_assistant_tokens_mask} of transformers.
 */
@FunctionalInterface
public interface GenerationListener {
  /** Hears of a part, from a character to the one after its last; parts come in order. */
  void generated(int from, int to);
}
