package dev.hydra.huggingface;

import java.util.ArrayList;
import java.util.List;

/**
 * Collects the mappings of one place in a model, a layer for example.
 *
 * @param ours what our names there begin with
 * @param theirs what theirs begin with
 * @param all where mappings are collected
 */
record Mappings(String ours, String theirs, List<Mapping> all) {
  Mappings(String ours, String theirs) {
    this(ours, theirs, new ArrayList<>());
  }

  /** The same collection at a place below. */
  Mappings at(String oursBelow, String theirsBelow) {
    return new Mappings(ours + oursBelow, theirs + theirsBelow, all);
  }

  /** One tensor, of the same name below this place. */
  void same(String name, long... shape) {
    renamed(name, name, shape);
  }

  /** One tensor under two names. */
  void renamed(String ourName, String theirName, long... shape) {
    together(List.of(TensorCut.of(ourName, shape)), List.of(TensorCut.of(theirName, shape)));
  }

  /** A linear map: weight [outputs, inputs] and, where it is biased, bias [outputs]. */
  void linear(String name, long outputs, long inputs, boolean biased) {
    same(name + ".weight", outputs, inputs);
    if (biased) {
      same(name + ".bias", outputs);
    }
  }

  /** The same elements in the same order. */
  void together(List<TensorCut> ourCuts, List<TensorCut> theirCuts) {
    all.add(new Mapping(prefixed(theirs, theirCuts), prefixed(ours, ourCuts)));
  }

  private static List<TensorCut> prefixed(String prefix, List<TensorCut> cuts) {
    return cuts.stream().map(cut -> new TensorCut(prefix + cut.name(), cut.shape())).toList();
  }
}
