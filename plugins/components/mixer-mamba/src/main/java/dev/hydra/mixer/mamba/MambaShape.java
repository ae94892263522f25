package dev.hydra.mixer.mamba;

import dev.hydra.api.Init;
import dev.hydra.api.Site;
import dev.hydra.api.StateSpec;
import java.util.List;

/**
 * The dimensions of a Mamba mixer.
 *
 * @param inner channels of x, z and y
 * @param state elements of the state per channel
 * @param dtRank what step sizes are projected through
 */
record MambaShape(int inner, int state, int dtRank) {
  private static final int WIDTH_PER_RANK = 16;

  /** As the options say. */
  static MambaShape of(Site site) {
    int rank =
        site.get(MambaFactory.DT_RANK).orElse((site.width() + WIDTH_PER_RANK - 1) / WIDTH_PER_RANK);
    return new MambaShape(StateSpaceOptions.inner(site), site.get(MambaFactory.STATE), rank);
  }

  /** What is selected by x: dt before its second projection, then B and C. */
  long selected() {
    return dtRank + 2L * state;
  }

  /** How the projection of dt starts: it keeps the variance. */
  Init stepInit() {
    double bound = 1 / Math.sqrt(dtRank);
    return Init.uniform(-bound, bound);
  }

  /** What a mixer of this shape keeps of one row. */
  List<StateSpec> kept(Site site) {
    return List.of(
        StateSpaceOptions.convState(site, inner),
        StateSpec.of(Mamba.STATE, inner, state).in(StateSpec.Dtype.RECURRENT));
  }
}
