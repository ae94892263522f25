package dev.hydra.mixer.mamba;

import dev.hydra.libtorch.kernels.Gpu;
import java.util.Map;

/**
 * How the CUDA kernels cut an SSD into blocks of threads, in the words of {@code ssd_tiles.cu},
 * which computes the same from the same macros. What was measured to be fastest is in {@code
 * docs/mamba2.md}.
 *
 * @param fp32 whether x, B, C and y are float32, else bfloat16
 * @param headDim channels of a head
 * @param state elements of the state per channel
 * @param wide whether four warps issue products together ({@code WIDE} in {@code ssd_wide.cu})
 * @param onePass whether forward is one kernel that takes a head over all time; not where wide
 * @param carried states that a block of the walk over time carries on, see {@code ssd_walk.cu}; 0
 *     where there is none
 */
record SsdTiles(boolean fp32, int headDim, int state, boolean wide, boolean onePass, int carried) {
  /** Tokens that a warp takes at once. */
  static final int STRIP = 16;

  private static final int LARGEST = 256;

  /** What the four warps take at once of heads and states. */
  static final int WIDE = 64;

  /** Threads that issue products together. */
  private static final int TEAM = 128;

  /** The share of the multiprocessors that must have a block for the device to count as full. */
  static final double FULL = 0.9;

  /**
   * The share that must have a block of the walk. A step of it takes as long with few of them; what
   * two kernels take, which compute all chunks at once and then their sum, goes with the heads.
   */
  private static final double WORTH_A_WALK = 0.6;

  /** Whether the kernels can compute heads of these sizes. */
  static boolean possible(long headDim, long state) {
    return headDim % STRIP == 0 && headDim <= LARGEST && state % STRIP == 0 && state <= LARGEST;
  }

  /**
   * Chooses.
   *
   * @param heads heads of all sequences together
   */
  static SsdTiles of(boolean fp32, int headDim, int state, long heads, Gpu gpu) {
    boolean wide = gpu.isHopper() && !fp32 && headDim % WIDE == 0 && state % WIDE == 0;
    long blocks = heads * (headDim / channels(fp32, headDim, state));
    boolean full = blocks >= FULL * gpu.multiprocessors();
    int carried = wide ? carried(state, blocks * (state / WIDE), gpu.multiprocessors()) : 0;
    return new SsdTiles(fp32, headDim, state, wide, full && !wide, carried);
  }

  /**
   * Few states a block, so that there are more blocks, as long as all run at the same time: one
   * fills a multiprocessor.
   */
  private static int carried(int state, long narrowBlocks, int multiprocessors) {
    if (narrowBlocks < WORTH_A_WALK * multiprocessors) {
      return 0;
    }
    return narrowBlocks > multiprocessors && state % (2 * WIDE) == 0 ? 2 * WIDE : WIDE;
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

  /** Threads of a block that computes what chunks add to states. */
  int stateThreads() {
    int channels = channels(fp32, headDim, state);
    int states = part(state, 128);
    int height = channels % (2 * STRIP) == 0 && !fp32 ? 2 * STRIP : STRIP;
    int width = states % (2 * STRIP) == 0 && states > 64 ? 2 * STRIP : STRIP;
    return channels / height * (states / width) * 32;
  }

  /** Blocks that walk over the time of a head. */
  long walkBlocks() {
    return (long) channelTiles() * (state / carried);
  }

  /** Threads of a block that walks: four warps for 64 states, and four that copy. */
  int walkThreads() {
    return (carried / WIDE + 1) * TEAM;
  }

  /** Blocks of {@code threads} threads that pass the states of one head on, 16 bytes a thread. */
  long passBlocks(int threads) {
    long perBlock = (long) threads * (fp32 ? 4 : 8);
    return ((long) headDim * state + perBlock - 1) / perBlock;
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

  /** What the kernels are compiled with. */
  Map<String, Integer> macros(boolean fp32Steps, boolean documents) {
    return Map.of(
        "HEAD_DIM",
        headDim,
        "STATE",
        state,
        "CHUNK",
        chunk(),
        "IN_FP32",
        fp32 ? 1 : 0,
        "DT_FP32",
        fp32Steps ? 1 : 0,
        "DOCUMENTS",
        documents ? 1 : 0);
  }
}
