package dev.hydra.mixer.mamba;

import java.util.Map;

/**
 * How the CUDA kernels cut an SSD into blocks of threads, in the words of {@code ssd_tiles.cu},
 * which computes the same from the same macros. What was measured to be fastest is in {@code
 * docs/mamba2.md}.
 *
 * @param fp32 whether x, B, C and y are float32, else bfloat16
 * @param headDim channels of a head
 * @param state elements of the state per channel
 * @param sweepP channels of a block that computes states
 * @param sweepN states of a block that computes states
 * @param forwardP channels of a block that computes a whole forward pass
 * @param onePass whether there are enough heads for such blocks to fill the device
 */
record SsdTiles(
    boolean fp32, int headDim, int state, int sweepP, int sweepN, int forwardP, boolean onePass) {
  private static final int STRIP = 16;
  private static final int LARGEST = 256;

  /** The share of the multiprocessors that must have a block for the device to count as full. */
  private static final double FULL = 0.9;

  /** Blocks of a sweep that a multiprocessor has room for, in the sizes that need segments. */
  private static final int SWEEPS_AT_ONCE = 3;

  /** Chunks of a segment below which filling and emptying its pipeline is most of the work. */
  private static final long LEAST_SEGMENT = 4;

  /** Fewer segments do not make up for walking over each of them twice. */
  private static final long FEWEST_SEGMENTS = 4;

  /** Warps of a block that computes states, unless each had more states than this. */
  private static final int MOST_WARPS = 16;

  private static final int WIDEST = 64;

  private static final int LEAST_SWEEP_P = 32;
  private static final int LEAST_SWEEP_N = 64;

  /** Whether the kernels can compute heads of these sizes. */
  static boolean possible(long headDim, long state) {
    return headDim % STRIP == 0 && headDim <= LARGEST && state % STRIP == 0 && state <= LARGEST;
  }

  /**
   * Chooses.
   *
   * @param heads heads of all sequences together
   * @param multiprocessors of the device
   */
  static SsdTiles of(boolean fp32, int headDim, int state, long heads, int multiprocessors) {
    double enough = FULL * multiprocessors;
    int p = channels(fp32, headDim, state);
    int n = part(state, 128);
    int sweepP = p;
    int sweepN = n;
    while (blocks(heads, headDim / sweepP, state / sweepN) < enough
        && halves(sweepP, LEAST_SWEEP_P)) {
      sweepP /= 2;
    }
    while (blocks(heads, headDim / sweepP, state / sweepN) < enough
        && halves(sweepN, LEAST_SWEEP_N)) {
      sweepN /= 2;
    }
    int forwardP = p;
    if (blocks(heads, headDim / forwardP, 1) < enough && halves(forwardP, LEAST_SWEEP_P)) {
      forwardP /= 2;
    }
    boolean onePass = blocks(heads, headDim / forwardP, 1) >= enough;
    return new SsdTiles(fp32, headDim, state, sweepP, sweepN, onePass ? forwardP : p, onePass);
  }

  private static double blocks(long heads, int more, int evenMore) {
    return (double) heads * more * evenMore;
  }

  private static boolean halves(int size, int least) {
    return size % (2 * STRIP) == 0 && size / 2 >= least;
  }

  private static int channels(boolean fp32, int headDim, int state) {
    return part(headDim, fp32 && state > 128 ? 32 : 64);
  }

  /**
   * The largest part of a size that divides it and is at most a limit, a power of 2, or else 16.
   */
  static int part(int size, int limit) {
    if (size <= limit) {
      return size;
    }
    if (size % limit == 0) {
      return limit;
    }
    return limit > STRIP ? part(size, limit / 2) : STRIP;
  }

  /** Tokens of a chunk. */
  int chunk() {
    return fp32 ? 64 : 128;
  }

  /** Parts in which the channels of a head are taken. */
  int channelTiles() {
    return headDim / channels(fp32, headDim, state);
  }

  /** Parts in which the states are taken where they are outputs. */
  int stateTiles() {
    return state / part(state, 128);
  }

  /** Threads of a block that works on a chunk: a warp for every strip of tokens. */
  int threads() {
    return 2 * chunk();
  }

  /** Threads of a block that computes states. */
  int sweepThreads() {
    int rows = sweepP / STRIP;
    int width = STRIP;
    while (width < WIDEST && rows * (sweepN / part(sweepN, width)) > MOST_WARPS) {
      width *= 2;
    }
    return rows * (sweepN / part(sweepN, width)) * 32;
  }

  /** 32-bit words of C B^T in a chunk: 16 x 16 blocks at or below the diagonal. */
  long scoreWords() {
    long strips = chunk() / STRIP;
    return strips * (strips + 1) / 2 * (fp32 ? 2 : 1) * 32 * 4;
  }

  /**
   * In how many parts the heads of a group are taken.
   *
   * @param heads heads of a group
   * @param blocks blocks per part
   * @param wanted blocks that fill the device
   * @return as few as that takes, none of them without heads
   */
  static long splits(long heads, long blocks, double wanted) {
    long fewest = Math.min(heads, (long) Math.ceil(wanted / blocks));
    long perSplit = (heads + fewest - 1) / fewest;
    return (heads + perSplit - 1) / perSplit;
  }

  /**
   * How many chunks are a segment of a sweep over time: all, unless that leaves most of the device
   * idle.
   *
   * @param sweeps blocks, one for each tile of states of each head of each sequence
   * @param chunks of a sequence
   * @param multiprocessors of the device
   */
  static long segment(long sweeps, long chunks, int multiprocessors) {
    long wanted = (long) SWEEPS_AT_ONCE * multiprocessors / sweeps;
    long segments = Math.min(wanted, chunks / LEAST_SEGMENT);
    return segments < FEWEST_SEGMENTS ? chunks : (chunks + segments - 1) / segments;
  }

  /** What the kernels are compiled with. */
  Map<String, Integer> macros(boolean fp32Steps, boolean documents) {
    return Map.of(
        "HEAD_DIM", headDim,
        "STATE", state,
        "CHUNK", chunk(),
        "IN_FP32", fp32 ? 1 : 0,
        "DT_FP32", fp32Steps ? 1 : 0,
        "DOCUMENTS", documents ? 1 : 0,
        "SWEEP_P", sweepP,
        "SWEEP_N", sweepN,
        "FORWARD_P", forwardP);
  }
}
