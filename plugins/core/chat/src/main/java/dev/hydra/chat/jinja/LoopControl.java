package dev.hydra.chat.jinja;

/** Leaves the body of a loop: {@code break} or {@code continue}. */
final class LoopControl extends RuntimeException {
  private static final long serialVersionUID = 1;

  private final boolean last;

  /** Creates a {@code break}, if no further round follows, or a {@code continue}. */
  LoopControl(boolean last) {
    super(null, null, false, false);
    this.last = last;
  }

  boolean isLast() {
    return last;
  }
}
