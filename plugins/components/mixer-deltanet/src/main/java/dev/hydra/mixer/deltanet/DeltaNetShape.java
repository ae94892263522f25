package dev.hydra.mixer.deltanet;

import dev.hydra.api.StateSpec;

/**
 * The dimensions of a gated delta net.
 *
 * @param heads heads of queries and keys
 * @param headDim channels of each
 * @param valueHeads heads of values, each with a state of its own; a multiple of heads
 * @param valueDim channels of each
 */
record DeltaNetShape(int heads, int headDim, int valueHeads, int valueDim) {
  /** Value heads that have queries and keys in common. */
  long shared() {
    return valueHeads / heads;
  }

  /** Channels of the queries, and of the keys. */
  long keys() {
    return (long) heads * headDim;
  }

  /** Channels of the values, and of the gate. */
  long values() {
    return (long) valueHeads * valueDim;
  }

  /** Channels of queries, keys and values, which are convolved together. */
  long convChannels() {
    return 2 * keys() + values();
  }

  /** What the input projection yields: queries, keys, values and gate. */
  long projected() {
    return 2 * keys() + 2 * values();
  }

  /** The state of one row. */
  StateSpec kept() {
    return StateSpec.of(GatedDeltaNet.STATE, valueHeads, headDim, valueDim)
        .in(StateSpec.Dtype.RECURRENT);
  }

  /** Elements of the states of all heads. */
  long state() {
    return values() * headDim;
  }
}
