package dev.hydra.huggingface;

/** Told how far a transfer is. */
@FunctionalInterface
public interface Progress {
  /** Nobody listens. */
  Progress NONE = (bytes, total) -> {};

  /** Hears that so many bytes of so many have moved. */
  void moved(long bytes, long total);
}
