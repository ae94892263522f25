package dev.hydra.dist.probe;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.locks.LockSupport;

/** A factory whose constructor does not end, even if it is interrupted. */
public final class HangingFactory extends ProbeFactory {
  /** Hangs. */
  public HangingFactory() {
    CountDownLatch never = new CountDownLatch(1);
    while (never.getCount() > 0) {
      LockSupport.parkNanos(1_000_000);
    }
  }
}
