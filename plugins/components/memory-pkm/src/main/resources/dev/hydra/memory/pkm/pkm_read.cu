// Reads weighted rows of a table, and gives the gradients of weights and table without atomics.
//
// Compile-time options (-D):
//   DIM       columns of the table, a multiple of 4, at most 4096
//   READS     rows that a token reads
//   OUT_BF16  1: what is read and its gradient are bf16, else fp32
//
//   table    fp32 [rows, DIM]
//   rows     int64 [tokens, READS], weights fp32 [tokens, READS]
//   out      [tokens, DIM]: sum over r of weights[r] * table[rows[r]]
typedef long long Long;
#if OUT_BF16
typedef unsigned short Element;
#else
typedef float Element;
#endif

constexpr int VECTORS = DIM / 4;         // of 4 columns: each has a thread
constexpr int TOGETHER = VECTORS >= 128 ? 1 : (127 + VECTORS) / VECTORS;
constexpr int THREADS = VECTORS * TOGETHER;
static_assert(DIM % 4 == 0 && DIM <= 4096, "see above");

__device__ __forceinline__ float4 load(const float* from) { return *(const float4*)from; }

__device__ __forceinline__ float4 load(const unsigned short* from) {
  uint2 packed = *(const uint2*)from;
  return make_float4(low_bf16(packed.x), high_bf16(packed.x), low_bf16(packed.y), high_bf16(packed.y));
}

__device__ __forceinline__ void store(float* to, float4 value) { *(float4*)to = value; }

__device__ __forceinline__ void store(unsigned short* to, float4 value) {
  *(uint2*)to = make_uint2(pack_bf16(value.x, value.y), pack_bf16(value.z, value.w));
}

__device__ __forceinline__ void add(float4& sum, float weight, float4 value) {
  sum.x += weight * value.x;
  sum.y += weight * value.y;
  sum.z += weight * value.z;
  sum.w += weight * value.w;
}

extern "C" __device__ const int pkm_read_waits = 1;

// Launch: grid (tokens / TOGETHER, rounded up), THREADS threads.
extern "C" __global__ void __launch_bounds__(THREADS) pkm_read(
    const float* table, const Long* rows, const float* weights, Element* out, Long tokens) {
  wait_for_prerequisites();
  Long token = (Long)blockIdx.x * TOGETHER + threadIdx.x / VECTORS;
  if (token >= tokens) return;
  int column = threadIdx.x % VECTORS * 4;
  rows += token * READS;
  weights += token * READS;
  float4 sum = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
#pragma unroll 8
  for (int r = 0; r < READS; r++) add(sum, weights[r], load(table + rows[r] * DIM + column));
  store(out + token * DIM + column, sum);
}

// Launch: grid (tokens), 128 threads; a warp takes every fourth row of a token.
//
//   gradient   Element [tokens, DIM], of out
//   gradients  fp32 [tokens, READS], of the weights: <gradient, table[rows[r]]>
extern "C" __global__ void __launch_bounds__(128) pkm_read_weights(
    const float* table, const Long* rows, const Element* gradient, float* gradients) {
  constexpr int STEPS = (DIM + 127) / 128;
  int lane = threadIdx.x & 31;
  Long token = blockIdx.x;
  gradient += token * DIM;
  for (int r = threadIdx.x >> 5; r < READS; r += 4) {
    const float* row = table + rows[token * READS + r] * DIM;
    float sum = 0.0f;
#pragma unroll 4
    for (int step = 0; step < STEPS; step++) {
      int column = 128 * step + 4 * lane;
      if (DIM % 128 == 0 || column < DIM) {
        float4 a = load(gradient + column);
        float4 b = load(row + column);
        sum += a.x * b.x + a.y * b.y + a.z * b.z + a.w * b.w;
      }
    }
    sum = sum_lanes(sum);
    if (lane == 0) gradients[token * READS + r] = sum;
  }
}

// Where a new row begins among the sorted ones.
//
// Launch: grid (reads / 256, rounded up), 256 threads.
//
//   sorted  int32 [reads]: the rows of all reads, in order
//   first   int32 [reads]: 1 where a row is another one than the one before, and at the first
extern "C" __global__ void __launch_bounds__(256) pkm_first(const int* sorted, int* first, Long reads) {
  Long at = (Long)blockIdx.x * 256 + threadIdx.x;
  if (at < reads) first[at] = at == 0 || sorted[at] != sorted[at - 1];
}

// Numbers the different rows.
//
// Launch: grid (reads / 256, rounded up), 256 threads.
//
//   counts  int64 [reads]: the running sum of `first`
//   begins  int64 [slots + 1]: where the reads of each row begin, and where those of the last one end;
//           what is behind that is left alone
extern "C" __global__ void __launch_bounds__(256) pkm_begins(
    const int* first, const Long* counts, Long* begins, Long reads) {
  Long at = (Long)blockIdx.x * 256 + threadIdx.x;
  if (at >= reads) return;
  if (first[at]) begins[counts[at] - 1] = at;
  if (at == reads - 1) begins[counts[at]] = reads;
}

// The gradient of the table, in two steps. A warp has so many columns of what it adds up.
constexpr int SPAN = 512;
constexpr int FOURS = ((DIM < SPAN ? DIM : SPAN) + 127) / 128;  // of columns, of a lane
constexpr int AHEAD = FOURS > 2 ? 2 : 4;                        // reads on their way
constexpr bool WHOLE = DIM % 128 == 0 && (DIM < SPAN || DIM % SPAN == 0);

// What a lane has of a warp's columns.
struct Sums {
  float4 at[FOURS];
  int column;

  __device__ __forceinline__ Sums() : column(blockIdx.y * SPAN + 4 * (threadIdx.x & 31)) {
#pragma unroll
    for (int k = 0; k < FOURS; k++) at[k] = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
  }

  __device__ __forceinline__ bool has(int k) const { return WHOLE || column + 128 * k < DIM; }

  // Adds up rows from `begin` to `end`.
  __device__ __forceinline__ void add_rows(const float* __restrict__ rows, Long begin, Long end) {
#pragma unroll 2
    for (Long row = begin; row < end; row++) {
#pragma unroll
      for (int k = 0; k < FOURS; k++) {
        if (has(k)) add(at[k], 1.0f, load(rows + row * DIM + column + 128 * k));
      }
    }
  }

  // Adds up sorted reads from `begin` to `end`.
  __device__ __forceinline__ void add_reads(
      const Long* __restrict__ order, const float* __restrict__ weights,
      const Element* __restrict__ gradient, Long begin, Long end) {
    int lane = threadIdx.x & 31;
    for (Long from = begin; from < end; from += 32) {
      int count = end - from < 32 ? (int)(end - from) : 32;
      Long read = lane < count ? order[from + lane] : 0;
      float weight = lane < count ? weights[read] : 0.0f;
      int token = (int)(read / READS);
      for (int r = 0; r < count; r += AHEAD) {
        float4 found[AHEAD][FOURS];
        float times[AHEAD];
#pragma unroll
        for (int a = 0; a < AHEAD; a++) {
          times[a] = from_lane(weight, r + a & 31);
          const Element* row = gradient + from_lane(token, r + a & 31) * (Long)DIM + column;
#pragma unroll
          for (int k = 0; k < FOURS; k++) {
            found[a][k] = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
            if (r + a < count && has(k)) found[a][k] = load(row + 128 * k);
          }
        }
#pragma unroll
        for (int a = 0; a < AHEAD; a++) {
#pragma unroll
          for (int k = 0; k < FOURS; k++) add(at[k], times[a], found[a][k]);
        }
      }
    }
  }

  __device__ __forceinline__ void write(float* to) const {
#pragma unroll
    for (int k = 0; k < FOURS; k++) {
      if (has(k)) store(to + column + 128 * k, at[k]);
    }
  }
};

// Sorted reads that are added up together where all are of the same row: a row that very many tokens
// read is the work of many warps.
constexpr int PIECE = 128;

// First step: the sums of pieces that are of one row; of others nothing is written.
//
// Launch: grid (reads / PIECE / 8, rounded up, DIM / 512, rounded up), 256 threads; a warp has a piece.
//
//   order     int64 [reads]: token * READS + r of each sorted read
//   gradient  Element [tokens, DIM], of out
//   pieces    fp32 [reads / PIECE, DIM]
extern "C" __global__ void __launch_bounds__(256) pkm_pieces(
    const int* __restrict__ sorted, const Long* __restrict__ order, const float* __restrict__ weights,
    const Element* __restrict__ gradient, float* __restrict__ pieces, Long reads) {
  Long piece = (Long)blockIdx.x * 8 + (threadIdx.x >> 5);
  Long begin = piece * PIECE;
  Long end = begin + PIECE;
  if (end > reads || sorted[begin] != sorted[end - 1]) return;
  Sums sums;
  sums.add_reads(order, weights, gradient, begin, end);
  sums.write(pieces + piece * DIM);
}

// Second step: of the slots each that a row was numbered for has its sum, the others repeat rows with zeros,
// so that how many there are need not be known by the host. A warp has a slot.
//
// Launch: grid (slots / 8, rounded up, DIM / 512, rounded up), 256 threads.
//
//   indices   int64 [slots], values fp32 [slots, DIM]
extern "C" __global__ void __launch_bounds__(256) pkm_rows(
    const int* __restrict__ sorted, const Long* __restrict__ order, const Long* __restrict__ counts,
    const Long* __restrict__ begins, const float* __restrict__ weights,
    const Element* __restrict__ gradient, const float* __restrict__ pieces, Long* __restrict__ indices,
    float* __restrict__ values, Long reads, Long slots) {
  Long slot = (Long)blockIdx.x * 8 + (threadIdx.x >> 5);
  if (slot >= slots) return;
  Long used = counts[reads - 1];
  Long begin = begins[slot < used ? slot : slot % used];
  if ((threadIdx.x & 31) == 0 && blockIdx.y == 0) indices[slot] = sorted[begin];
  Sums sums;
  if (slot < used) {
    Long end = begins[slot + 1];
    Long first = (begin + PIECE - 1) / PIECE;
    Long last = end / PIECE;
    if (first < last) {
      sums.add_reads(order, weights, gradient, begin, first * PIECE);
      sums.add_rows(pieces, first, last);
      begin = last * PIECE;
    }
    sums.add_reads(order, weights, gradient, begin, end);
  }
  sums.write(values + slot * DIM);
}
