package dev.hydra.huggingface;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;

/** Writes a choice of layers the shortest way that the option {@code at} understands. */
final class LayerSlices {
  private LayerSlices() {}

  /**
   * The choice as slices.
   *
   * @param layers ascending, not empty
   * @return empty if these are all
   */
  static Optional<String> of(List<Integer> layers, int depth) {
    if (layers.size() == depth) {
      return Optional.empty();
    }
    String ranges = ranges(layers);
    return IntStream.rangeClosed(2, depth / 2)
        .mapToObj(period -> residues(layers, depth, period))
        .flatMap(Optional::stream)
        .filter(text -> text.length() < ranges.length())
        .findFirst()
        .or(() -> Optional.of(ranges));
  }

  /** As {@code 1::4,2::4}, if the choice repeats with the period. */
  private static Optional<String> residues(List<Integer> layers, int depth, int period) {
    List<Integer> first = layers.stream().filter(layer -> layer < period).toList();
    List<Integer> repeated =
        IntStream.range(0, depth).filter(i -> first.contains(i % period)).boxed().toList();
    if (first.isEmpty() || !repeated.equals(layers)) {
      return Optional.empty();
    }
    return Optional.of(
        String.join(",", first.stream().map(r -> (r == 0 ? "" : r) + "::" + period).toList()));
  }

  /** As {@code 0:5,6,8:11}. */
  private static String ranges(List<Integer> layers) {
    List<String> parts = new ArrayList<>();
    for (int i = 0; i < layers.size(); ) {
      int from = layers.get(i);
      int to = from;
      while (i < layers.size() && layers.get(i) == to) {
        to++;
        i++;
      }
      parts.add(to == from + 1 ? String.valueOf(from) : from + ":" + to);
    }
    return String.join(",", parts);
  }
}
