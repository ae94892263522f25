// Attention to strided positions before a window, and to the first one: strided_keys.cu.
//
// If documents are packed, window >= TILE - 1: all queries of a tile that see keys are then of the
// document of its first query, as those of others are nearer to where theirs begins.
//
// Compile-time options (-D): HEAD_DIM, 16 to 128 in steps of 16.
//
//   q            bf16 [batch, time, heads, HEAD_DIM] with strides
//   k, v         bf16 [batch, time, kvHeads, HEAD_DIM] with strides
//   out          bf16 [batch, time, heads, HEAD_DIM], contiguous; gradients of it and of q likewise
//   lse          fp32 [batch, heads, time]
constexpr int THREADS = 128;  // 4 warps with 16 rows each
constexpr int STEPS = HEAD_DIM / 16;      // of products along the head
constexpr int PIECES = HEAD_DIM / 8;      // of 16 bytes in a row; tiles of products across the head
constexpr int PITCH = HEAD_DIM + 8;       // of rows in shared memory: no bank twice
static_assert(HEAD_DIM % 16 == 0 && HEAD_DIM <= 128, "see above");

typedef bf16 Tile[TILE][PITCH];

// Rows of a tile as the second operand, which they are columns of: 16 of them, 16 elements of each.
// r[0..1] are for the first eight rows, r[2..3] for the others.
__device__ __forceinline__ void columns(unsigned (&r)[4], const Tile& tile, int row, int element) {
  int lane = threadIdx.x % 32;
  load_matrices(r, &tile[row + lane / 16 * 8 + lane % 8][element + lane / 8 % 2 * 8]);
}

// Rows of a tile as the second operand, which they are rows of: 16 of them, 16 elements of each.
// r[0..1] are for the first eight elements, r[2..3] for the others.
__device__ __forceinline__ void rows(unsigned (&r)[4], const Tile& tile, int row, int element) {
  int lane = threadIdx.x % 32;
  load_matrices_transposed(r, &tile[row + lane % 16][element + lane / 16 * 8]);
}

// Two neighbouring bf16 in memory.
__device__ __forceinline__ unsigned pair_at(const bf16* at) {
  return *reinterpret_cast<const unsigned*>(at);
}

// Rows l / 4 and l / 4 + 8 as the first operand; zeros for one that is null.
__device__ __forceinline__ void first_operand(
    unsigned (&to)[STEPS][4], const bf16* row, const bf16* other) {
  int from = threadIdx.x % 4 * 2;
#pragma unroll
  for (int s = 0; s < STEPS; s++) {
#pragma unroll
    for (int half = 0; half < 2; half++) {
      int at = s * 16 + half * 8 + from;
      to[s][2 * half] = row ? pair_at(row + at) : 0u;
      to[s][2 * half + 1] = other ? pair_at(other + at) : 0u;
    }
  }
}

// Two tiles of 8 columns that a product has given, as the first operand of the next.
__device__ __forceinline__ void as_operand(
    unsigned (&to)[4], const float (&left)[4], const float (&right)[4]) {
  to[0] = pack_bf16(left[0], left[1]);
  to[1] = pack_bf16(left[2], left[3]);
  to[2] = pack_bf16(right[0], right[1]);
  to[3] = pack_bf16(right[2], right[3]);
}

// Fills a tile with the keys, or values, from an index on; zeros after the last.
__device__ __forceinline__ void load_tile(
    Tile& tile, const bf16* from, Long time_stride, int every, const Keys& keys, int index) {
  for (int i = threadIdx.x; i < TILE * PIECES; i += THREADS) {
    int row = i / PIECES, element = i % PIECES * 8;
    bool some = index + row < keys.count();
    const bf16* at = from + (some ? (Long)keys.at(index + row) * every * time_stride + element : 0);
    copy_async(&tile[row][element], at, some);
  }
}
