// The second stage of every weight gradient: out[column] = sum over rows of partials[row][column],
// in a fixed order, so that the same inputs give the same bits (no atomics anywhere).
//
// Grid: ceil(columns / 32). Block: 32 x 8 threads: 32 columns, 8 interleaved parts of the rows.

extern "C" __global__ void __launch_bounds__(256) column_sums(
    const float* __restrict__ partials, int rows, long long columns, Weight* __restrict__ out) {
  __shared__ float parts[8][33];
  int lane = threadIdx.x % 32, part = threadIdx.x / 32;
  long long column = blockIdx.x * 32LL + lane;
  float sum = 0.f;
  if (column < columns) {
#pragma unroll 8
    for (int row = part; row < rows; row += 8) sum += partials[row * columns + column];
  }
  parts[part][lane] = sum;
  __syncthreads();
  if (part == 0 && column < columns) {
#pragma unroll
    for (int i = 1; i < 8; i++) sum += parts[i][lane];
    from_float(sum, out[column]);
  }
}
