// What all kernels of the gated delta rule share: shapes, and what passes between tokens of a chunk.
//
// Compile-time options (-D), besides those of tiles.cu:
//   KEY_DIM, VALUE_DIM  channels of a head, multiples of 16, at most 256
//   DOCUMENTS           1: document numbers are given
//
// In a chunk of C tokens, with the state S before it (arXiv 2412.06464, section 3.3):
//   coupling[i][j] = beta[i] pairs[i][j] k[i].k[j]  for j < i,  inverse = (I + coupling)^-1
//   added = inverse (beta * V),  removed = inverse (beta * from_start * K)
//   written = added - removed S
//   y = from_start * Q S + (pairs * Q K^T) written,  S' = total S + (to_end * K)^T written
// where pairs[i][j] = exp2(sums[i] - sums[j]) for j <= i of one document.
//
// Inputs are [batch, time, heads, dim] Element with strides NAME_batch, NAME_time, NAME_head, 1, rows
// aligned to 16 bytes. What is between kernels is contiguous and per head: [batch, heads, padded time,
// dim], padded to whole chunks, and matrices per chunk [batch, heads, chunks, ...].
//
// Each kernel NAME with dynamic shared memory says how much in a global NAME_bytes, for the host to read.
#ifndef DOCUMENTS
#define DOCUMENTS 0
#endif

constexpr int C = 64;                    // tokens of a chunk
constexpr int K = KEY_DIM;
constexpr int V = VALUE_DIM;
constexpr int KT = part(K, 64);          // channels that are worked on at once
constexpr int VT = part(V, 64);
constexpr int K_TILES = K / KT;
constexpr int V_TILES = V / VT;
constexpr int STRIPS = C / 16;           // 16-token strips of a chunk: one a warp
constexpr int THREADS = STRIPS * 32;     // of the kernels that work on a chunk
constexpr int BLOCKS = STRIPS * (STRIPS + 1) / 2;  // 16 x 16 blocks at or below the diagonal

static_assert(K % 16 == 0 && K <= 256 && V % 16 == 0 && V <= 256, "see above");

typedef Tile<C, KT> KeyTile;
typedef Tile<C, VT> ValueTile;
typedef Tile<C, C> SquareTile;
typedef Tile<KT, VT> StateTile;

// Where a block at or below the diagonal is in an array of BLOCKS.
__device__ __forceinline__ constexpr int block_at(int i, int j) { return i * (i + 1) / 2 + j; }

// Where a block of threads works: chunk, head, sequence.
struct Place {
  Long chunk, head, row, chunks, heads;
  int valid;  // tokens of the chunk that there are

  __device__ __forceinline__ Place(Long chunk, Long chunks, Long time)
      : chunk(chunk), head(blockIdx.y), row(blockIdx.z), chunks(chunks), heads(gridDim.y) {
    Long rest = time - chunk * C;
    valid = rest < C ? (int)rest : C;
  }

  __device__ __forceinline__ Long sequence() const { return row * heads + head; }
  // The chunk in what is per chunk.
  __device__ __forceinline__ Long matrix() const { return sequence() * chunks + chunk; }
  // The chunk's first token in what is per token.
  __device__ __forceinline__ Long token() const { return matrix() * C; }
  // The chunk's first token in an input.
  template <class T>
  __device__ __forceinline__ T* of(T* input, Long batch, Long time, Long stride) const {
    return input + row * batch + chunk * C * time + head * stride;
  }
};

// What survives from after the token of `column` to after the token of `row`, 0 for later columns and
// those of an earlier document (before `start`). The difference is kept at 0 where it does not
// count, so that nothing overflows.
__device__ __forceinline__ float pair_decay(const float* sums, int row, int column, int start) {
  float decay = exp2_fast(fminf(sums[row] - sums[column], 0.0f));
  return column > row || column < start ? 0.0f : decay;
}

// Applies `visit(value, row, column)` to what a lane holds of a 16 x 16 block of sums.
template <class Visit>
__device__ __forceinline__ void each(Sums& sum, int row, int column, int lane, Visit&& visit) {
#pragma unroll
  for (int half = 0; half < 2; half++) {
#pragma unroll
    for (int e = 0; e < 4; e++) {
      visit(sum[half][e], row + (lane >> 2) + e / 2 * 8, column + 8 * half + 2 * (lane & 3) + e % 2);
    }
  }
}

// Applies `visit(first, second, row, column, lower)` to the pairs of neighbours that a lane holds of
// it; lower is 0 or 1, for the upper and the lower 8 rows.
template <class Visit>
__device__ __forceinline__ void each_pair(Sums& sum, int row, int column, int lane, Visit&& visit) {
#pragma unroll
  for (int half = 0; half < 2; half++) {
#pragma unroll
    for (int e = 0; e < 2; e++) {
      visit(sum[half][2 * e], sum[half][2 * e + 1], row + (lane >> 2) + 8 * e,
          column + 8 * half + 2 * (lane & 3), e);
    }
  }
}

// Begins to load all of an input's channels, a tile of TILE after the other.
template <int TILE, int DIM>
__device__ __forceinline__ void load_tiles(
    char* to, const Element* from, Long stride, int valid, int thread) {
#pragma unroll
  for (int i = 0; i < DIM / TILE; i++) {
    Tile<C, TILE>(to + i * Tile<C, TILE>::BYTES)
        .template load<THREADS>(from + i * TILE, stride, valid, thread);
  }
}

// Copies the chunk's values of a token each to shared memory.
__device__ __forceinline__ void copy_values(float* to, const float* from, int thread) {
  if (thread < C) to[thread] = from[thread];
}

// The first token of its document for each token of the chunk, -1 for all if there are no documents.
__device__ __forceinline__ void copy_starts(int* to, const int* first, const Place& at, int thread) {
#if DOCUMENTS
  if (thread < C) to[thread] = first[(at.row * at.chunks + at.chunk) * C + thread];
#else
  if (thread < C) to[thread] = -1;
#endif
}

// Stores sums of 16 rows x 16 COUNT columns, rows from `valid` on left out. All lanes must call it.
template <int COUNT>
__device__ __forceinline__ void store_rows(
    Element* to, Long stride, const Sums (&sum)[COUNT], int row, int valid, int lane) {
  int own = row + (lane >> 2);
  store_row<COUNT>(to + own * stride, sum, 0, own < valid, lane);
  store_row<COUNT>(to + (own + 8) * stride, sum, 1, own + 8 < valid, lane);
}
