package dev.hydra.libtorch.autograd;

import org.bytedeco.pytorch.GradMode;

/**
 * Switches recording for backward on or off on this thread, until closed:
 *
 * <pre>{@code
 * try (Grad off = Grad.off()) { ... }
 * }</pre>
 */
public final class Grad implements AutoCloseable {
  private final boolean before;

  private Grad(boolean enabled) {
    before = GradMode.is_enabled();
    GradMode.set_enabled(enabled);
  }

  /** Switches recording off. */
  public static Grad off() {
    return new Grad(false);
  }

  /** Switches recording on. */
  public static Grad on() {
    return new Grad(true);
  }

  @Override
  public void close() {
    GradMode.set_enabled(before);
  }
}
