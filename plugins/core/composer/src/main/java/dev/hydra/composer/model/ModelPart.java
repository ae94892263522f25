package dev.hydra.composer.model;

/** A part of a model that is its own, not a component's. */
public enum ModelPart {
  /** The table of token embeddings. */
  EMBEDDING("embedding"),
  /** The norms of blocks and paths, and the final one. */
  NORM("norms"),
  /** The gates of paths. */
  GATE("gates"),
  /** The table that logits come from, where it is not that of the embeddings. */
  HEAD("head");

  private final String key;

  ModelPart(String key) {
    this.key = key;
  }

  /** Returns the name under which parameters are counted. */
  public String key() {
    return key;
  }
}
