package dev.hydra.serve;

import dev.hydra.inference.FinishReason;
import dev.hydra.inference.TokenScore;
import org.jspecify.annotations.Nullable;

/**
 * What comes next of a choice.
 *
 * @param choice of which it is a part
 * @param text the text that is certain now, which may be none
 * @param token the token that it came with, if it did with one
 * @param offset the characters of the drawn text before that token
 * @param finish why the choice is complete, if it is
 * @param failure what went wrong, if anything
 */
record Piece(
    Choice choice,
    String text,
    @Nullable TokenScore token,
    int offset,
    @Nullable FinishReason finish,
    @Nullable RuntimeException failure) {
  /** Says whether nothing more comes of the choice. */
  boolean last() {
    return finish != null || failure != null;
  }
}
