package dev.hydra.data;

import java.util.function.IntConsumer;

/**
 * A tokenizer to which every byte is a token: a vocabulary of 256, nothing to train, no text it
 * cannot encode.
 */
public final class ByteTokenizer implements Tokenizer {
  @Override
  public int vocabSize() {
    return 256;
  }

  @Override
  public void encode(byte[] text, IntConsumer sink) {
    for (byte b : text) {
      sink.accept(Byte.toUnsignedInt(b));
    }
  }

  @Override
  public byte[] bytes(int token) {
    if (token < 0 || token > 255) {
      throw new IllegalArgumentException("a byte is between 0 and 255, but the token is " + token);
    }
    return new byte[] {(byte) token};
  }
}
