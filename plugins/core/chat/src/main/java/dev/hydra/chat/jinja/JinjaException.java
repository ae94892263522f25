package dev.hydra.chat.jinja;

/** A template that cannot be read, or that fails on its values; the message is for users. */
public final class JinjaException extends RuntimeException {
  private static final long serialVersionUID = 1;

  /** Creates the exception with a message. */
  public JinjaException(String message) {
    super(message);
  }

  /** Returns the error with the line of the template where it happened. */
  static JinjaException at(int line, String message) {
    return new JinjaException(message + " (line " + line + " of the template)");
  }
}
