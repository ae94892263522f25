package dev.hydra.libtorch.runtime;

import dev.hydra.api.Messages;

/**
 * Says that the host cannot hold what is about to be computed. Linux does not refuse an allocation
 * that is too large: it kills the process once the memory is written to.
 */
public final class HostMemoryException extends RuntimeException {
  private static final long serialVersionUID = 1;

  private final double needed;

  /**
   * Creates the exception.
   *
   * @param needed bytes that would be taken
   */
  public HostMemoryException(double needed) {
    super(Messages.bytes(needed) + " are more than the host has");
    this.needed = needed;
  }

  /** Returns the bytes that would be taken. */
  double needed() {
    return needed;
  }
}
