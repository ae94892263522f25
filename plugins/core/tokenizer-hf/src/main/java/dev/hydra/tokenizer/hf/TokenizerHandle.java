package dev.hydra.tokenizer.hf;

import ai.djl.huggingface.tokenizers.jni.TokenizersLibrary;
import java.lang.ref.Cleaner;
import java.lang.ref.Reference;

/** A tokenizer of the native library; freed when nobody uses it any more. */
final class TokenizerHandle {
  private static final Cleaner CLEANER = Cleaner.create();
  private static final TokenizersLibrary LIBRARY = TokenizersLibrary.LIB;

  private final long handle;

  private TokenizerHandle(long handle) {
    this.handle = handle;
    CLEANER.register(this, () -> LIBRARY.deleteTokenizer(handle));
  }

  /**
   * Reads the text of a tokenizer.json.
   *
   * @throws IllegalArgumentException if it is not one, saying why
   */
  static TokenizerHandle read(String json) {
    NativeTokenizers.require();
    try {
      TokenizerHandle created = new TokenizerHandle(LIBRARY.createTokenizerFromString(json));
      // A file may ask for every text to be cut or filled up: a corpus and a prompt never are.
      LIBRARY.disableTruncation(created.handle);
      LIBRARY.disablePadding(created.handle);
      return created;
    } catch (RuntimeException e) { // what the library throws has no type of its own
      throw new IllegalArgumentException(e.getMessage(), e);
    }
  }

  long[] encode(String text, boolean special) {
    try {
      long encoding = LIBRARY.encode(handle, text, special);
      try {
        return LIBRARY.getTokenIds(encoding);
      } finally {
        LIBRARY.deleteEncoding(encoding);
      }
    } finally {
      Reference.reachabilityFence(this);
    }
  }

  String decode(long[] tokens, boolean skipSpecial) {
    try {
      return LIBRARY.decode(handle, tokens, skipSpecial);
    } finally {
      Reference.reachabilityFence(this);
    }
  }
}
