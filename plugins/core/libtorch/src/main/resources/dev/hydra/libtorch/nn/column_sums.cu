// The second stage of every weight gradient: out[column] = sum over rows of partials[row][column],
// in a fixed order, so that the same inputs give the same bits (no atomics anywhere).
//
// Option: PARTIAL_BF16, 1 where partials are bfloat16, else float32. They are added up in float32.
//
// Grid: ceil(columns / across). Block: 256 threads: `across` columns, a power of two up to 32, and
// 256 / across interleaved parts of the rows. Its constants have names that no operator's macros have,
// as it is compiled with those, too.

#ifndef PARTIAL_BF16
#define PARTIAL_BF16 0
#endif
typedef Choose<PARTIAL_BF16>::type Partial;

constexpr int SUMMERS = 256;

extern "C" __device__ const int column_sums_waits = 1;

extern "C" __global__ void __launch_bounds__(SUMMERS) column_sums(
    const Partial* partials, int rows, long long columns, int across,
    Weight* __restrict__ out) {
  __shared__ float parts[SUMMERS];
  wait_for_prerequisites();
  int lane = threadIdx.x % across, part = threadIdx.x / across, count = SUMMERS / across;
  long long column = (long long)blockIdx.x * across + lane;
  float sum = 0.f;
  if (column < columns) {
#pragma unroll 8
    for (int row = part; row < rows; row += count) sum += to_float(partials[row * columns + column]);
  }
  parts[threadIdx.x] = sum;
  __syncthreads();
  for (int half = count / 2; half > 0; half /= 2) {
    if (part < half) parts[threadIdx.x] += parts[threadIdx.x + half * across];
    __syncthreads();
  }
  if (part == 0 && column < columns) from_float(parts[lane], out[column]);
}
