// How a block carries SWEEP_V values of a head's state, or of its gradient, from chunk to chunk: in
// registers in fp32, 16 x 16 blocks of it dealt out to its warps.
//
// Compile-time options (-D), besides those of delta_chunks.cu:
//   SWEEP_V       16, 32 or 64, divides VALUE_DIM
//   SHARED_BYTES  of shared memory that a block can have
#ifndef SWEEP_V
#define SWEEP_V 16
#endif
#ifndef SHARED_BYTES
#define SHARED_BYTES (227 << 10)
#endif
static_assert(V % SWEEP_V == 0 && SWEEP_V % 16 == 0, "SWEEP_V");

namespace sweep {
constexpr int WARPS = 8;
constexpr int WORKERS = WARPS * 32;
constexpr int VALUES = SWEEP_V / 16;
constexpr int K_STRIPS = K / 16;

// Where warps share a strip of 16 keys, each of them takes PER blocks of its values; else a warp takes all
// values of STATE_STRIPS strips.
constexpr int SHARING = WARPS % K_STRIPS != 0 ? 1
    : WARPS / K_STRIPS < VALUES ? WARPS / K_STRIPS : VALUES;
constexpr int PER = VALUES / SHARING;
constexpr int STATE_STRIPS = (K_STRIPS * SHARING + WARPS - 1) / WARPS;

// The tokens of a chunk: a strip of 16 a warp, and half of the values if there are any to share.
constexpr int TOKEN_SHARING = VALUES > 1 ? 2 : 1;
constexpr int TOKEN_PER = VALUES / TOKEN_SHARING;

typedef Tile<C, K> Keys;
typedef Tile<C, SWEEP_V> Values;
typedef Tile<K, SWEEP_V> State;
typedef Sums Held[STATE_STRIPS][PER];

// How many chunks are held at once: one to work on and what is fetched ahead, if there is room. Float32
// is not fetched ahead, for it goes through registers.
__device__ constexpr int stages(int stage, int kept) {
  return IN_FP32 || 2 * stage + kept > SHARED_BYTES ? 1 : 3 * stage + kept > SHARED_BYTES ? 2 : 3;
}

// What a lane knows of its two tokens of a chunk: fetched a chunk ahead, for it comes from afar.
struct Pair {
  float at[2];

  __device__ __forceinline__ Pair(const float* values, Long z, Long chunks, int token) {
    bool some = z >= 0 && z < chunks;
    at[0] = some ? values[z * C + token] : 0.0f;
    at[1] = some ? values[z * C + token + 8] : 0.0f;
  }
};

// Applies `visit(strip, key, value)` to the parts of the state that a warp holds.
template <class Visit>
__device__ __forceinline__ void each_strip(int warp, Visit&& visit) {
#pragma unroll
  for (int s = 0; s < STATE_STRIPS; s++) {
    int id = warp + s * WARPS;
    if (id < K_STRIPS * SHARING) visit(s, id % K_STRIPS * 16, id / K_STRIPS * PER * 16);
  }
}

// Applies `visit(value, index)` to what a lane holds, with its index in [KEY_DIM, VALUE_DIM].
template <class Visit>
__device__ __forceinline__ void each_element(Held& held, int v0, int warp, int lane, Visit&& visit) {
  each_strip(warp, [&](int s, int key, int value) {
#pragma unroll
    for (int p = 0; p < PER; p++) {
      each(held[s][p], key, v0 + value + 16 * p, lane,
          [&](float& element, int row, int column) { visit(element, row * V + column); });
    }
  });
}

// Leaves the state in shared memory as an operand, and in [KEY_DIM, VALUE_DIM] from its first value on.
__device__ __forceinline__ void leave(Held& held, State& state, Element* to, int warp, int lane) {
  each_strip(warp, [&](int s, int key, int value) {
#pragma unroll
    for (int p = 0; p < PER; p++) {
      each_pair(held[s][p], key, value + 16 * p, lane,
          [&](float& first, float& second, int row, int column, int) {
            state.put_pair(row, column, first, second);
          });
    }
    store_rows<PER>(to + value, V, held[s], key, K, lane);
  });
}

__device__ __forceinline__ void scale(Held& held, float factor) {
#pragma unroll
  for (int s = 0; s < STATE_STRIPS; s++) {
#pragma unroll
    for (int p = 0; p < PER; p++) {
#pragma unroll
      for (int e = 0; e < 8; e++) held[s][p][e / 4][e % 4] *= factor;
    }
  }
}

// held += keys^T values, C deep.
__device__ __forceinline__ void add(Held& held, const Keys& keys, const Values& values, int warp, int lane) {
  each_strip(warp, [&](int s, int key, int value) {
#pragma unroll
    for (int t = 0; t < C; t += 16) {
      Operand left;
      keys.a_transposed(left, t, key, lane);
#pragma unroll
      for (int p = 0; p < PER; p++) {
        Operand right;
        values.b_transposed(right, t, value + 16 * p, lane);
        multiply(held[s][p], left, right);
      }
    }
  });
}

// sum = a strip of keys times the state.
__device__ __forceinline__ void read(
    Sums (&sum)[TOKEN_PER], const Keys& keys, const State& state, int strip, int value, int lane) {
#pragma unroll
  for (int n = 0; n < K; n += 16) {
    Operand left;
    keys.a(left, strip, n, lane);
#pragma unroll
    for (int p = 0; p < TOKEN_PER; p++) {
      Operand right;
      state.b_transposed(right, n, value + 16 * p, lane);
      multiply(sum[p], left, right);
    }
  }
}
}  // namespace sweep
