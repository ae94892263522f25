package dev.hydra.mixer.mamba;

/**
 * The dimensions of a Mamba mixer.
 *
 * @param inner channels of x, z and y
 * @param state elements of the state per channel
 * @param dtRank what step sizes are projected through
 */
record MambaShape(int inner, int state, int dtRank) {
  /** What is selected by x: dt before its second projection, then B and C. */
  long selected() {
    return dtRank + 2L * state;
  }
}
