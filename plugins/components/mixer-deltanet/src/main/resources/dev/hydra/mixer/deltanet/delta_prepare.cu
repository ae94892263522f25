// What a chunk's tokens write whatever the state before it is: added, and what of that state they
// take away: removed.
//
// Launch: grid (chunks, heads, batch), THREADS threads, dynamic shared memory prepare::BYTES.
//
//   k, v     inputs
//   sums, beta, from_start, first  from delta_decay
//   removed  [batch, heads, padded time, KEY_DIM] Element
//   added    [batch, heads, padded time, VALUE_DIM] Element
//   inverse  [batch, heads, chunks, C, C] Element or null: for backward
namespace prepare {
constexpr int KEYS = K_TILES * KeyTile::BYTES;
constexpr int BYTES = KEYS + V_TILES * ValueTile::BYTES + INVERSE_BYTES;

// The blocks at or below the diagonal, column by column times weights, as operands a.
__device__ __forceinline__ void weighted(
    Operand (&to)[BLOCKS], const float* inverse, const float* weight, int lane) {
#pragma unroll
  for (int j = 0; j < STRIPS; j++) {
    float2 near = *(const float2*)(weight + 16 * j + 2 * (lane & 3));
    float2 far = *(const float2*)(weight + 16 * j + 2 * (lane & 3) + 8);
#pragma unroll
    for (int i = j; i < STRIPS; i++) {
      const float* at = inverse + (16 * i + (lane >> 2)) * INVERSE_PITCH + 16 * j + 2 * (lane & 3);
#pragma unroll
      for (int e = 0; e < 4; e++) {
        float2 two = *(const float2*)(at + e % 2 * 8 * INVERSE_PITCH + e / 2 * 8);
        float2 by = e / 2 == 0 ? near : far;
        set(to[block_at(i, j)], e, two.x * by.x, two.y * by.y);
      }
    }
  }
}

// The triangular matrix times tiles of C x TILE, DIM channels in all; each warp takes columns.
template <int TILE, int DIM>
__device__ __forceinline__ void apply(
    const Operand (&matrix)[BLOCKS], char* tiles, Element* to, int warp, int lane) {
  typedef Tile<C, TILE> Values;
  constexpr int WIDE = TILE % 32 == 0 ? 2 : 1;
  for (int column = 16 * WIDE * warp; column < DIM; column += 16 * WIDE * STRIPS) {
    Values values(tiles + column / TILE * Values::BYTES);
    Sums out[STRIPS][WIDE] = {};
#pragma unroll
    for (int j = 0; j < STRIPS; j++) {
      Operand right[WIDE];
#pragma unroll
      for (int w = 0; w < WIDE; w++) values.b_transposed(right[w], 16 * j, column % TILE + 16 * w, lane);
#pragma unroll
      for (int i = j; i < STRIPS; i++) {
#pragma unroll
        for (int w = 0; w < WIDE; w++) multiply(out[i][w], matrix[block_at(i, j)], right[w]);
      }
    }
#pragma unroll
    for (int i = 0; i < STRIPS; i++) store_rows<WIDE>(to + column, DIM, out[i], 16 * i, C, lane);
  }
}
}  // namespace prepare
extern "C" __device__ const int delta_prepare_bytes = prepare::BYTES;

extern "C" __global__ void __launch_bounds__(THREADS) delta_prepare(
    const Element* k, Long k_batch, Long k_time, Long k_head, const Element* v, Long v_batch,
    Long v_time, Long v_head, const float* sums, const float* beta, const float* from_start,
    const int* first, Element* removed, Element* added, Element* inverse, Long time) {
  using namespace prepare;
  __shared__ __align__(16) float sum[C], strength[C], entering[C];
  __shared__ int start[C];
  int thread = threadIdx.x;
  int lane = thread & 31;
  int warp = thread >> 5;
  Place at(blockIdx.x, gridDim.x, time);
  char* keys = SHARED;
  char* values = keys + KEYS;
  float* matrix = (float*)(values + V_TILES * ValueTile::BYTES);

  load_tiles<KT, K>(keys, at.of(k, k_batch, k_time, k_head), k_time, at.valid, thread);
  copies_commit();
  load_tiles<VT, V>(values, at.of(v, v_batch, v_time, v_head), v_time, at.valid, thread);
  copies_commit();
  copy_values(sum, sums + at.token(), thread);
  copy_values(strength, beta + at.token(), thread);
  copy_values(entering, from_start + at.token(), thread);
  copy_starts(start, first, at, thread);
  copies_wait<1>();
  __syncthreads();

  int strip = 16 * warp;
  Sums products[STRIPS] = {};
#pragma unroll
  for (int tile = 0; tile < K_TILES; tile++) {
    KeyTile own(keys + tile * KeyTile::BYTES);
#pragma unroll
    for (int n = 0; n < KT; n += 16) {
      Operand left;
      own.a(left, strip, n, lane);
#pragma unroll
      for (int j = 0; j < STRIPS; j++) {
        if (j <= warp) {
          Operand right;
          own.b(right, 16 * j, n, lane);
          multiply(products[j], left, right);
        }
      }
    }
  }
#pragma unroll
  for (int j = 0; j < STRIPS; j++) {
    if (j <= warp) {
      each(products[j], strip, 16 * j, lane, [&](float& value, int row, int column) {
        float decay = pair_decay(sum, row, column, start[row]);
        matrix[row * INVERSE_PITCH + column] = row == column ? 0.0f : strength[row] * decay * value;
      });
    }
  }
  __syncthreads();
  invert(matrix, thread);
  if (inverse != nullptr) {
    Element* to = inverse + at.matrix() * C * C;
    for (int i = thread; i < C * C; i += THREADS) {
      if (i % C / 16 <= i / C / 16) put(to + i, matrix[i / C * INVERSE_PITCH + i % C]);
    }
  }
  copies_wait<0>();
  if (thread < C) entering[thread] *= strength[thread];
  __syncthreads();
  {
    Operand blocks[BLOCKS];
    weighted(blocks, matrix, strength, lane);
    apply<VT, V>(blocks, values, added + at.token() * V, warp, lane);
  }
  {
    Operand blocks[BLOCKS];
    weighted(blocks, matrix, entering, lane);
    apply<KT, K>(blocks, keys, removed + at.token() * K, warp, lane);
  }
}
