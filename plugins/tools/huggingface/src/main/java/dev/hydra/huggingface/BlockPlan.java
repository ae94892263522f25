package dev.hydra.huggingface;

import java.util.List;

/**
 * One of the blocks that make up a layer.
 *
 * @param parallel whether its paths share one norm and add up, or follow each other
 */
record BlockPlan(boolean parallel, List<PathPlan> paths) {
  BlockPlan {
    // A kind of path that no layer has is not part of the model.
    paths = paths.stream().filter(path -> !path.layers().isEmpty()).toList();
  }

  static BlockPlan sequential(PathPlan... paths) {
    return new BlockPlan(false, List.of(paths));
  }

  static BlockPlan parallel(PathPlan... paths) {
    return new BlockPlan(true, List.of(paths));
  }

  /** Adds the tensors of one layer. */
  void map(int layer, long width, Mappings tensors) {
    List<PathPlan> here = paths.stream().filter(path -> path.layers().contains(layer)).toList();
    if (parallel) {
      tensors.renamed("norm.weight", here.get(0).theirNorm() + ".weight", width);
    }
    for (PathPlan path : here) {
      if (!parallel) {
        tensors.renamed(path.name() + "-norm.weight", path.theirNorm() + ".weight", width);
      }
      path.part().map(tensors.at(path.name() + ".", path.theirs()));
    }
  }
}
