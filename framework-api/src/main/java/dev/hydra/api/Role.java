package dev.hydra.api;

/** The role of a component in a model, with the key under which a configuration names it. */
public enum Role {
  /** A {@link Mixer}. */
  MIXER("mixer", Mixer.class),
  /** A {@link FeedForward}. */
  FEED_FORWARD("ffn", FeedForward.class),
  /** A {@link Memory}. */
  MEMORY("memory", Memory.class),
  /** A {@link Router}, always a child of another component. */
  ROUTER("router", Router.class);

  private final String key;
  private final Class<?> type;

  Role(String key, Class<?> type) {
    this.key = key;
    this.type = type;
  }

  /** Returns the configuration key, such as {@code mixer}. */
  public String key() {
    return key;
  }

  /** Returns the interface that components of this role implement. */
  public Class<?> type() {
    return type;
  }
}
