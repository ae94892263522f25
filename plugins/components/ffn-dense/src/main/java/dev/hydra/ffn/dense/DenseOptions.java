package dev.hydra.ffn.dense;

import dev.hydra.api.Option;
import dev.hydra.api.Site;
import java.util.List;
import java.util.Optional;

/** The options that all dense feed-forwards share. */
final class DenseOptions {
  static final Option<Optional<Integer>> GATED_HIDDEN =
      hidden("8/3 width, rounded up to a multiple of 8: as many parameters as 4 width ungated");
  static final Option<Optional<Integer>> PLAIN_HIDDEN = hidden("4 width");
  static final Option<Boolean> BIAS =
      Option.flag("bias", "whether the projections add a bias").orElse(false);

  static final Option<Double> GATE_MULTIPLIER =
      Option.decimal("gate-multiplier", "fixed factor of the gate before its activation")
          .orElse(1.0);

  static final List<Option<?>> GATED = List.of(GATED_HIDDEN, BIAS, GATE_MULTIPLIER);
  static final List<Option<?>> PLAIN = List.of(PLAIN_HIDDEN, BIAS);

  private DenseOptions() {}

  private static Option<Optional<Integer>> hidden(String otherwise) {
    return Option.integer("hidden", "size between the projections").atLeast(1).optional(otherwise);
  }

  static int gatedHidden(Site site) {
    return site.get(GATED_HIDDEN).orElseGet(() -> (site.width() + 2) / 3 * 8);
  }

  static int plainHidden(Site site) {
    return site.get(PLAIN_HIDDEN).orElseGet(() -> 4 * site.width());
  }
}
