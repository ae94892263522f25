package dev.hydra.chat;

/** A chat template that is malformed, or fails on a conversation, or refuses it. */
public final class ChatTemplateException extends RuntimeException {
  private static final long serialVersionUID = 1;

  ChatTemplateException(String message) {
    super(message);
  }

  ChatTemplateException(String message, Throwable cause) {
    super(message, cause);
  }
}
