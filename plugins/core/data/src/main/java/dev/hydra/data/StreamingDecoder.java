package dev.hydra.data;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;

/**
 * Decodes tokens to text while they are generated: a character whose bytes are spread over several
 * tokens comes out, whole, with the last of them. Bytes that are not UTF-8 become U+FFFD.
 */
public final class StreamingDecoder {
  /** A character that has begun takes at most three bytes to wait for its fourth. */
  private static final int MAX_PENDING = 3;

  private final Tokenizer tokenizer;
  private final CharsetDecoder decoder =
      StandardCharsets.UTF_8
          .newDecoder()
          .onMalformedInput(CodingErrorAction.REPLACE)
          .onUnmappableCharacter(CodingErrorAction.REPLACE);
  private byte[] pending = new byte[0];

  /** Creates a decoder at the start of a text. */
  public StreamingDecoder(Tokenizer tokenizer) {
    this.tokenizer = tokenizer;
  }

  /** Takes one more token and returns the text that it completes, possibly none. */
  public String next(int token) {
    return decode(tokenizer.bytes(token), false);
  }

  /** Ends the text, returns U+FFFD if a character was left incomplete, and starts anew. */
  public String finish() {
    String rest = decode(new byte[0], true);
    decoder.reset();
    return rest;
  }

  private String decode(byte[] bytes, boolean last) {
    ByteBuffer in = ByteBuffer.allocate(pending.length + bytes.length);
    in.put(pending).put(bytes).flip();
    CharBuffer out = CharBuffer.allocate(bytes.length + MAX_PENDING);
    decoder.decode(in, out, last);
    pending = new byte[in.remaining()];
    in.get(pending);
    return out.flip().toString();
  }
}
