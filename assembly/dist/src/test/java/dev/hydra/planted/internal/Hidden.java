package dev.hydra.planted.internal;

import dev.hydra.mixer.planted.Misfit;

/** Is internal to its module, and closes a circle of packages. */
public interface Hidden {
  /** What uses it. */
  Misfit user();
}
