package dev.hydra.huggingface;

import java.util.List;

/**
 * A path of every layer's block, or of some layers'.
 *
 * @param name what its parameters are named below the block
 * @param role {@code mixer} or {@code ffn}
 * @param part the component
 * @param theirs what its tensors' names begin with, below the layer
 * @param theirNorm the name of the norm before it, below the layer
 * @param layers the layers that have it, ascending
 * @param scale a factor on its output
 * @param inputScale a factor on its input
 */
record PathPlan(
    String name,
    String role,
    ComponentAdapter part,
    String theirs,
    String theirNorm,
    List<Integer> layers,
    double scale,
    double inputScale) {
  static PathPlan mixer(
      String name, ComponentAdapter part, String theirs, String theirNorm, List<Integer> layers) {
    return new PathPlan(name, "mixer", part, theirs, theirNorm, layers, 1, 1);
  }

  static PathPlan ffn(
      String name, ComponentAdapter part, String theirs, String theirNorm, List<Integer> layers) {
    return new PathPlan(name, "ffn", part, theirs, theirNorm, layers, 1, 1);
  }

  /** The same with factors. */
  PathPlan scaled(double newScale, double newInputScale) {
    return new PathPlan(name, role, part, theirs, theirNorm, layers, newScale, newInputScale);
  }
}
