package dev.hydra.data;

import java.io.ByteArrayOutputStream;
import java.util.function.IntConsumer;

/** Tokens in a file: little-endian, unsigned, in as few bytes each as the vocabulary allows. */
record ShardFormat(int width) {
  static ShardFormat forVocabulary(int vocabSize) {
    return new ShardFormat(vocabSize <= 1 << 8 ? 1 : vocabSize <= 1 << 16 ? 2 : 4);
  }

  /** Returns what writes tokens so. */
  IntConsumer writer(ByteArrayOutputStream out) {
    return token -> {
      for (int i = 0; i < width; i++) {
        out.write(token >>> (8 * i));
      }
    };
  }

  /** Reads tokens that were written so. */
  void read(byte[] bytes, int count, long[] into, int offset) {
    for (int i = 0; i < count; i++) {
      long token = 0;
      for (int b = 0; b < width; b++) {
        token |= (bytes[i * width + b] & 0xffL) << (8 * b);
      }
      into[offset + i] = token;
    }
  }
}
