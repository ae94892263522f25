package dev.hydra.libtorch.kernels;

import java.util.Objects;
import java.util.concurrent.atomic.AtomicReference;

/** Chooses between fused kernels and plain LibTorch operators, for the whole process. */
public enum KernelMode {
  /** Never uses fused kernels. */
  PLAIN,
  /** Uses fused kernels and fails where one cannot be compiled. */
  FUSED,
  /** Uses fused kernels; where one cannot be compiled, says so once and uses plain operators. */
  AUTO;

  /** A process has one CUDA context and one mode, as LibTorch has one setting for its backends. */
  private static final AtomicReference<KernelMode> CURRENT = new AtomicReference<>(AUTO);

  /** Returns the mode of the process. */
  public static KernelMode current() {
    return Objects.requireNonNull(CURRENT.get());
  }

  /**
   * Makes this the mode of the process until the result is closed, which brings the one before
   * back.
   */
  public Setting set() {
    KernelMode before = CURRENT.getAndSet(this);
    return () -> CURRENT.set(before);
  }

  /** Holds a mode in place. */
  @FunctionalInterface
  public interface Setting extends AutoCloseable {
    @Override
    void close();
  }
}
