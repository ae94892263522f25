package dev.hydra.bench;

/** Something to time, with what it needs; it waits for its device itself. */
interface Trial extends Runnable, AutoCloseable {
  /** Returns how often a run does what is timed. */
  default int times() {
    return 1;
  }

  @Override
  void close();
}
