package dev.hydra.chat.jinja;

/**
 * A piece of a template.
 *
 * @param kind what it is
 * @param text its text; of a string the content
 * @param line the line where it begins, from 1
 */
record Token(Kind kind, String text, int line) {
  enum Kind {
    TEXT,
    BLOCK_BEGIN,
    BLOCK_END,
    PRINT_BEGIN,
    PRINT_END,
    NAME,
    STRING,
    INTEGER,
    FLOAT,
    OPERATOR,
    END
  }

  boolean is(Kind kind, String text) {
    return this.kind == kind && this.text.equals(text);
  }

  boolean operator(String text) {
    return is(Kind.OPERATOR, text);
  }

  boolean name(String text) {
    return is(Kind.NAME, text);
  }
}
