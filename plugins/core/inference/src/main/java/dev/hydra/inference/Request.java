package dev.hydra.inference;

import java.util.Set;

/**
 * What a session is to do.
 *
 * @param prompt what to continue, at least one token
 * @param maxTokens how many tokens to draw at most; 0 to score the prompt only
 * @param sampling how to draw them
 * @param endTokens the text is over after any of these
 * @param scores what is to be known of the drawn tokens, and of those of the prompt
 */
@SuppressWarnings("ArrayRecordComponent") // never changed, and compared by nobody
public record Request(
    int[] prompt, int maxTokens, Sampling sampling, Set<Integer> endTokens, ScoreRequest scores) {
  /** Copies what can change, and checks the number of tokens. */
  public Request {
    prompt = prompt.clone();
    endTokens = Set.copyOf(endTokens);
    if (maxTokens < 0) {
      throw new IllegalArgumentException("the number of tokens to draw must be at least 0");
    }
  }

  /**
   * Which scores are wanted, see {@link TokenScore}.
   *
   * @param drawn of the drawn tokens
   * @param prompt of the tokens of the prompt, but the first
   * @param top how many of the likeliest tokens are added to each
   */
  public record ScoreRequest(boolean drawn, boolean prompt, int top) {
    /** No scores. */
    public static final ScoreRequest NONE = new ScoreRequest(false, false, 0);
  }

  /** Creates a request without scores. */
  public Request(int[] prompt, int maxTokens, Sampling sampling, Set<Integer> endTokens) {
    this(prompt, maxTokens, sampling, endTokens, ScoreRequest.NONE);
  }

  /** Returns a request for a text of at most so many tokens, those of the prompt included. */
  Request within(int tokens) {
    int room = Math.max(0, tokens - prompt.length);
    return room >= maxTokens ? this : new Request(prompt, room, sampling, endTokens, scores);
  }
}
