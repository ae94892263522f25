package dev.hydra.chat.jinja;

/** Tells where the statement {@code generation} has written into a text. */
final class GenerationSpans {
  /** The name that a template cannot write. */
  private static final String NAME = "the spans of generation";

  private final StringBuilder text;
  private final GenerationListener listener;

  private GenerationSpans(StringBuilder text, GenerationListener listener) {
    this.text = text;
    this.listener = listener;
  }

  /** Tells of a text that is about to be rendered. */
  static void listen(Scope scope, StringBuilder text, GenerationListener listener) {
    scope.set(NAME, new GenerationSpans(text, listener));
  }

  /** Runs what the statement encloses. */
  static void run(Statement body, Scope scope, StringBuilder out) {
    int from = out.length();
    body.run(scope, out);
    if (scope.get(NAME) instanceof GenerationSpans spans) {
      spans.add(from, out);
    }
  }

  private void add(int from, StringBuilder out) {
    if (out != text) {
      throw new JinjaException(
          "where the text of 'generation' stands is not known inside a macro or a block");
    }
    if (from < out.length()) {
      listener.generated(from, out.length());
    }
  }
}
