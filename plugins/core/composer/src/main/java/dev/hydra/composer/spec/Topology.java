package dev.hydra.composer.spec;

/** The topology of a block: whether its paths run in parallel or in sequence. */
public enum Topology {
  /** All paths see the block's input: {@code y = x + sum_i g_i path_i(norm(x))} (Hydra). */
  PARALLEL,
  /** One path after the other, each with its own norm: {@code x = x + g_i path_i(norm_i(x))}. */
  SEQUENTIAL;

  /** Returns the gate of paths that do not configure one. */
  GateSpec defaultGate() {
    return this == PARALLEL ? new GateSpec.Scalar(1) : new GateSpec.None();
  }
}
