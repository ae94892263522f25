package dev.hydra.data;

import java.util.Arrays;
import java.util.function.IntConsumer;

/** A growing sequence of tokens on the heap: a byte each if the vocabulary allows, else an int. */
abstract class Tokens implements IntConsumer, TokenSequence {
  /** The largest array that every JVM can make. */
  private static final int MAX_SIZE = Integer.MAX_VALUE - 8;

  private final DocumentEnds documents = new DocumentEnds();
  private int size;

  /** Creates an empty sequence, as narrow as the vocabulary allows. */
  static Tokens forVocabulary(int vocabSize) {
    return vocabSize <= 256 ? new Bytes() : new Ints();
  }

  @Override
  public final long size() {
    return size;
  }

  @Override
  public final long[] documentEnds() {
    return documents.of(size);
  }

  /** Says that a document ends here. */
  final void endDocument() {
    documents.add(size);
  }

  @Override
  public final void read(long from, long[] into, int offset, int count) {
    int start = Math.toIntExact(from);
    for (int i = 0; i < count; i++) {
      into[offset + i] = get(start + i);
    }
  }

  @Override
  public final void accept(int token) {
    if (size == capacity()) {
      if (size == MAX_SIZE) {
        throw new CorpusException(
            "a corpus holds at most " + MAX_SIZE + " tokens; leave files out");
      }
      grow(Math.max(1 << 16, (int) Math.min(2L * size, MAX_SIZE)));
    }
    set(size++, token);
  }

  /** Returns the token at an index. */
  abstract int get(int index);

  /** Sets the token at an index below the capacity. */
  abstract void set(int index, int token);

  /** Returns the number of tokens that fit without growing. */
  abstract int capacity();

  /** Makes room for so many tokens in all. */
  abstract void grow(int capacity);

  private static final class Bytes extends Tokens {
    private byte[] tokens = {};

    @Override
    int get(int index) {
      return Byte.toUnsignedInt(tokens[index]);
    }

    @Override
    void set(int index, int token) {
      tokens[index] = (byte) token;
    }

    @Override
    int capacity() {
      return tokens.length;
    }

    @Override
    void grow(int capacity) {
      tokens = Arrays.copyOf(tokens, capacity);
    }
  }

  private static final class Ints extends Tokens {
    private int[] tokens = {};

    @Override
    int get(int index) {
      return tokens[index];
    }

    @Override
    void set(int index, int token) {
      tokens[index] = token;
    }

    @Override
    int capacity() {
      return tokens.length;
    }

    @Override
    void grow(int capacity) {
      tokens = Arrays.copyOf(tokens, capacity);
    }
  }
}
