package dev.hydra.mixer.deltanet;

import java.util.Map;

/**
 * How the CUDA kernels cut the gated delta rule into blocks of threads, in the words of {@code
 * delta_chunks.cu}, which computes the same from the same macros.
 *
 * @param fp32 whether queries, keys and values are float32, else bfloat16
 * @param keyDim channels of queries and keys
 * @param valueDim channels of values
 * @param sweepV values that a block carries from chunk to chunk
 */
record DeltaTiles(boolean fp32, int keyDim, int valueDim, int sweepV) {
  /** Tokens of a chunk. */
  static final int CHUNK = 64;

  /** Threads of a block that works on a chunk: a warp for every strip of tokens. */
  static final int THREADS = 2 * CHUNK;

  /** Threads of a block that carries states from chunk to chunk, or works on several heads. */
  static final int SWEEP_THREADS = 256;

  /** Heads of a block that works on several. */
  static final int HEADS_AT_ONCE = SWEEP_THREADS / 32;

  private static final int STRIP = 16;
  private static final int LARGEST = 256;

  /** Channels that are worked on at once. */
  private static final int TILE = 64;

  /** The share of the multiprocessors that must have a block for the device to count as full. */
  private static final double FULL = 0.9;

  /** Says whether the kernels can compute heads of these sizes. */
  static boolean possible(long keyDim, long valueDim) {
    return fits(keyDim) && fits(valueDim);
  }

  private static boolean fits(long dim) {
    return dim % STRIP == 0 && dim > 0 && dim <= LARGEST;
  }

  /**
   * Chooses: blocks as large as they may be while there are enough of them.
   *
   * @param heads heads of all sequences together
   * @param multiprocessors of the device
   */
  static DeltaTiles of(boolean fp32, int keyDim, int valueDim, long heads, int multiprocessors) {
    int sweep = fp32 ? TILE / 2 : TILE; // larger ones of float32 have no room in a multiprocessor
    while (sweep > STRIP
        && (valueDim % sweep != 0 || heads * (valueDim / sweep) < FULL * multiprocessors)) {
      sweep /= 2;
    }
    return new DeltaTiles(fp32, keyDim, valueDim, sweep);
  }

  /** Parts in which the channels of queries and keys are taken. */
  int keyTiles() {
    int tile = TILE;
    while (tile > STRIP && keyDim % tile != 0) {
      tile /= 2;
    }
    return keyDim <= TILE ? 1 : keyDim / tile;
  }

  /** Blocks that carry the states of a head. */
  int sweeps() {
    return valueDim / sweepV;
  }

  /**
   * What the kernels are compiled with.
   *
   * @param sharedBytes the shared memory that a block of threads can have
   */
  Map<String, Integer> macros(boolean documents, long sharedBytes) {
    return Map.of(
        "KEY_DIM",
        keyDim,
        "VALUE_DIM",
        valueDim,
        "SWEEP_V",
        sweepV,
        "SHARED_BYTES",
        (int) sharedBytes,
        "IN_FP32",
        fp32 ? 1 : 0,
        "DOCUMENTS",
        documents ? 1 : 0);
  }
}
