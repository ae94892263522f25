package dev.hydra.bench;

/** Something to time, with what it needs; it waits for its device itself. */
interface Trial extends Runnable, AutoCloseable {
  @Override
  void close();
}
