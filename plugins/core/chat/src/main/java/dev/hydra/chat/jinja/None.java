package dev.hydra.chat.jinja;

/** Python's {@code None}, so that no value is null. */
enum None {
  /** The only one. */
  NONE
}
