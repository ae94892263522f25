package dev.hydra.data;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;

/** Decodes tokens by the bytes that each stands for. */
final class ByteDecoder implements StreamingDecoder {
  /** A character that has begun takes at most three bytes to wait for its fourth. */
  private static final int MAX_PENDING = 3;

  private final Tokenizer tokenizer;
  private final CharsetDecoder decoder =
      StandardCharsets.UTF_8
          .newDecoder()
          .onMalformedInput(CodingErrorAction.REPLACE)
          .onUnmappableCharacter(CodingErrorAction.REPLACE);
  private byte[] pending = new byte[0];

  ByteDecoder(Tokenizer tokenizer) {
    this.tokenizer = tokenizer;
  }

  @Override
  public String next(int token) {
    return decode(tokenizer.bytes(token), false);
  }

  @Override
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
