package dev.hydra.chat;

import java.util.List;

/**
 * A text of which some parts are marked.
 *
 * @param text the text
 * @param marked the parts, in order, none empty
 */
public record MarkedText(String text, List<Span> marked) {
  /** Copies the list. */
  public MarkedText {
    marked = List.copyOf(marked);
  }

  /**
   * A part of a text.
   *
   * @param from the index of its first character
   * @param to the index of the character after its last
   */
  public record Span(int from, int to) {}
}
