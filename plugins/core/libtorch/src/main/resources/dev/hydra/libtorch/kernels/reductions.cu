// Sums over the LANES threads that share a unit of work (a row, or a group of a row's channels).
//
// LANES is a power of two up to 32, or a multiple of 32; the block holds THREADS / LANES units.
// Every thread of the block must take part: units beyond the last add zeros.

#define WARPS (THREADS / 32)
#define UNITS (THREADS / LANES)

// The same in every thread of the unit. `slots` are WARPS floats of shared memory: let two sets of
// them take turns, and one barrier a sum is enough (a set is written again only after the barrier
// of the sum between, which no thread passes before it has read).
__device__ __forceinline__ float unit_sum(float value, float* slots) {
  value = sum_lanes<(LANES < 32 ? LANES : 32)>(value);
  if (LANES <= 32) return value;
  int warp = threadIdx.x / 32;
  if (threadIdx.x % 32 == 0) slots[warp] = value;
  __syncthreads();
  constexpr int EACH = LANES <= 32 ? 1 : LANES / 32;
  int first = warp / EACH * EACH;
  float sum = 0.f;
#pragma unroll
  for (int i = 0; i < EACH; i++) sum += slots[first + i];
  return sum;
}

// Two such sums for one barrier.
__device__ __forceinline__ void unit_sums(float& a, float& b, float2* slots) {
#pragma unroll
  for (int mask = (LANES < 32 ? LANES : 32) / 2; mask > 0; mask /= 2) {
    a += exchange(a, mask);
    b += exchange(b, mask);
  }
  if (LANES <= 32) return;
  int warp = threadIdx.x / 32;
  if (threadIdx.x % 32 == 0) slots[warp] = make_float2(a, b);
  __syncthreads();
  constexpr int EACH = LANES <= 32 ? 1 : LANES / 32;
  int first = warp / EACH * EACH;
  a = b = 0.f;
#pragma unroll
  for (int i = 0; i < EACH; i++) {
    a += slots[first + i].x;
    b += slots[first + i].y;
  }
}

// Adds up a number of every thread of the block, in the order of its warps, and stores `scale` times that and three
// zeros: what comes behind begins where 16 bytes do.
__device__ __forceinline__ void leave_number(float value, float scale, float* slots, float* to) {
  value = sum_lanes(value);
  __syncthreads();
  if (threadIdx.x % 32 == 0) slots[threadIdx.x / 32] = value;
  __syncthreads();
  if (threadIdx.x == 0) {
    float all = 0.f;
#pragma unroll
    for (int w = 0; w < WARPS; w++) all += slots[w];
    to[0] = scale * all;
    to[1] = to[2] = to[3] = 0.f;
  }
}

// Adds up what the units of the block have gathered per column, in the order of the units, and
// stores the row of `width` columns. Thread `lane` of a unit holds columns (i * LANES + lane) *
// VECTOR and on. Called at the end; between two calls there has to be a barrier.
__device__ __forceinline__ void leave_sums(
    const float (&sums)[ITEMS][VECTOR], float* to, int width) {
  constexpr int ROW = LANES * ITEMS * VECTOR;
  int lane = threadIdx.x % LANES;
  if constexpr (UNITS == 1) {
#pragma unroll
    for (int i = 0; i < ITEMS; i++) {
      int column = (i * LANES + lane) * VECTOR;
      if (column < width) store(to + column, sums[i]);
    }
  } else {
    __shared__ __align__(16) float shared_sums[UNITS * ROW];
#pragma unroll
    for (int i = 0; i < ITEMS; i++)
      store(shared_sums + threadIdx.x / LANES * ROW + (i * LANES + lane) * VECTOR, sums[i]);
    __syncthreads();
    for (int column = threadIdx.x; column < width; column += THREADS) {
      float sum = 0.f;
#pragma unroll
      for (int u = 0; u < UNITS; u++) sum += shared_sums[u * ROW + column];
      to[column] = sum;
    }
  }
}
