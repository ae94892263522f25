package dev.hydra.data;

/** The tokenizers that a configuration may name. */
public enum TokenizerType {
  /** {@link ByteTokenizer}. */
  BYTE {
    @Override
    public Tokenizer create() {
      return new ByteTokenizer();
    }
  };

  /** Creates the tokenizer. */
  public abstract Tokenizer create();
}
