package dev.hydra.data;

import java.util.function.IntConsumer;

/** Two bytes a token, an odd last one by itself: a vocabulary that needs more than a byte. */
final class PairTokenizer implements Tokenizer {
  private static final int PAIRS = 1 << 16;

  @Override
  public int vocabSize() {
    return PAIRS + 256;
  }

  @Override
  public void encode(byte[] text, IntConsumer sink) {
    int i = 0;
    for (; i + 1 < text.length; i += 2) {
      sink.accept(Byte.toUnsignedInt(text[i]) << 8 | Byte.toUnsignedInt(text[i + 1]));
    }
    if (i < text.length) {
      sink.accept(PAIRS + Byte.toUnsignedInt(text[i]));
    }
  }

  @Override
  public byte[] bytes(int token) {
    return token < PAIRS
        ? new byte[] {(byte) (token >> 8), (byte) token}
        : new byte[] {(byte) (token - PAIRS)};
  }
}
