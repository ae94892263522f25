// The token with the largest logit of each row, the first of several, or NOT_FINITE where a logit is
// NaN or infinite. Blocks take parts of a row, and leave for each the largest of numbers that are
// in the order of logits, then of tokens from the last to the first: so that the order in which they
// are compared does not matter.

#define THREADS 256  // LargestLogit launches so many
#define PARTS 64     // of a row, as LargestLogit counts
#define NOT_FINITE -1

#define NO_NUMBER (~(Ranked)0)  // above what any finite logit has

__device__ __forceinline__ Ranked key(float logit, int token) {
  float value = logit + 0.f;  // -0 as 0
  if ((__float_as_uint(value) & 0x7f800000u) == 0x7f800000u) return NO_NUMBER;
  return ranked(ordered(value), token);
}

__device__ __forceinline__ Ranked largest_of_warp(Ranked largest) {
#pragma unroll
  for (int mask = 16; mask > 0; mask /= 2)
    largest = larger(largest, exchange(largest, mask));
  return largest;
}

extern "C" __device__ const int largest_of_part_waits = 1;

// Keys [rows, PARTS] of logits [rows, tokens]. Grid: (PARTS, rows).
extern "C" __global__ void __launch_bounds__(THREADS) largest_of_part(
    const Element* logits, long long stride, int tokens, Ranked* __restrict__ keys) {
  __shared__ Ranked shared_keys[THREADS / 32];
  launch_dependents();
  wait_for_prerequisites();
  logits += blockIdx.y * stride;
  Ranked largest = 0;
#pragma unroll 4
  for (int token = blockIdx.x * THREADS + threadIdx.x; token < tokens; token += PARTS * THREADS)
    largest = larger(largest, key(to_float(logits[token]), token));
  largest = largest_of_warp(largest);
  if (threadIdx.x % 32 == 0) shared_keys[threadIdx.x / 32] = largest;
  __syncthreads();
  if (threadIdx.x != 0) return;
#pragma unroll
  for (int w = 1; w < THREADS / 32; w++) largest = larger(largest, shared_keys[w]);
  keys[blockIdx.y * PARTS + blockIdx.x] = largest;
}

extern "C" __device__ const int largest_of_row_waits = 1;

// Tokens [rows]. Grid: (rows), a warp each.
extern "C" __global__ void __launch_bounds__(32) largest_of_row(
    const Ranked* keys, long long* __restrict__ tokens) {
  launch_dependents();
  wait_for_prerequisites();
  Ranked largest = 0;
#pragma unroll
  for (int part = threadIdx.x; part < PARTS; part += 32)
    largest = larger(largest, keys[blockIdx.x * PARTS + part]);
  largest = largest_of_warp(largest);
  if (threadIdx.x == 0)
    tokens[blockIdx.x] = largest == NO_NUMBER ? NOT_FINITE : (long long)(unsigned)~largest;
}
