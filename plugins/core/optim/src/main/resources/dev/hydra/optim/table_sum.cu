// Adds the sparse gradient that a backward has left of a table to the sum of those before, and notes
// which rows it holds. A row is one warp's, so there are no atomics, and the sum has a fixed order.
//
// Grid: (count / 8, rounded up), 256 threads; count is the length of the list, see table_rows.cu.
//
//   sum       float32 [rows of the table, width]
//   was_read  bool [rows of the table]: 1 is written for each row of the list

template <int WIDE>
__device__ __forceinline__ void add_row(
    const int* rows, const Long* order, const float* values, int count, int i, Long width,
    float* row) {
  for (Long from = 0; from < width; from += 32 * WIDE * PIECES) {
    Long column = from + threadIdx.x % 32 * WIDE;
    Piece<WIDE> all[PIECES], own[PIECES];
    read(row, column, width, all);
    row_sum(rows, order, values, count, i, width, column, own);
#pragma unroll
    for (int k = 0; k < PIECES; k++) {
      Long at = column + k * 32 * WIDE;
      if (at >= width) break;
#pragma unroll
      for (int v = 0; v < WIDE; v++) all[k].at[v] += own[k].at[v];
      store(row + at, all[k].at);
    }
  }
}

extern "C" __global__ void __launch_bounds__(256) table_sum(
    const int* __restrict__ rows, const Long* __restrict__ order, const float* __restrict__ values,
    int count, Long width, float* __restrict__ sum, unsigned char* __restrict__ was_read) {
  int i = blockIdx.x * 8 + threadIdx.x / 32;
  if (i >= count || !begins(rows, i)) return;
  Long row = rows[i];
  if (threadIdx.x % 32 == 0) was_read[row] = 1;
  if (aligned(values, width) && aligned(sum, width))
    add_row<4>(rows, order, values, count, i, width, sum + row * width);
  else
    add_row<1>(rows, order, values, count, i, width, sum + row * width);
}
