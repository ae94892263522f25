package dev.hydra.inference;

import java.util.List;

/**
 * Hears what becomes of a session, on the thread that runs the engine: it must not wait for
 * anything. After {@link #finished} or {@link #failed} nothing more comes.
 */
public interface TokenListener {
  /**
   * Hears how likely the tokens of the prompt are, but the first, before any token is drawn. Called
   * if the request asks for it.
   */
  default void prompt(List<TokenScore> scores) {}

  /**
   * Hears of a token that was drawn, an end token too.
   *
   * @return whether to go on
   */
  boolean token(TokenScore token);

  /** Hears why the session has ended. */
  void finished(FinishReason reason);

  /** Hears what went wrong, and ended the session. */
  void failed(RuntimeException problem);
}
