package dev.hydra.libtorch.kernels;

import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Says that a kernel cannot be compiled, loaded or launched, with its name and what it was given.
 */
public final class KernelException extends RuntimeException {
  private static final long serialVersionUID = 1;

  private final @Nullable String program;

  /** Creates the exception with a message for users, which holds for the whole device. */
  KernelException(String message) {
    this(null, message);
  }

  /** Creates the exception with a message for users about a program, or a kernel. */
  KernelException(@Nullable String program, String message) {
    super(message);
    this.program = program;
  }

  /** Returns what cannot be used; empty if that is every kernel of the device. */
  Optional<String> program() {
    return Optional.ofNullable(program);
  }

  /** Returns what it is about: it is said once, whatever a program is compiled with. */
  String about() {
    return program == null ? String.valueOf(getMessage()) : program;
  }
}
