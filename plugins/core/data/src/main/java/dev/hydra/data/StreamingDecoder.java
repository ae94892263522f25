package dev.hydra.data;

/**
 * Decodes tokens to text while they are generated: a character whose bytes are spread over several
 * tokens comes out, whole, with the last of them. Special tokens are left out.
 */
public interface StreamingDecoder {
  /** Takes one more token and returns the text that it completes, possibly none. */
  String next(int token);

  /** Ends the text, returns what was still held back, and starts anew. */
  String finish();
}
