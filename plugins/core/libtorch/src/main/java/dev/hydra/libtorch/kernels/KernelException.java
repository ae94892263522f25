package dev.hydra.libtorch.kernels;

/**
 * Says that a kernel cannot be compiled, loaded or launched, with its name and what it was given.
 */
public final class KernelException extends RuntimeException {
  private static final long serialVersionUID = 1;

  /** Creates the exception with a message for users. */
  KernelException(String message) {
    super(message);
  }
}
