// The hidden units of a gated feed-forward for a few rows, x [rows, in], by few_rows_sums.cu:
//
//   y = f(multiplier * x gate^T) * (x up^T)   [rows, hidden], f as gate_curve.cu says
//
// for matrices [hidden, in] in bfloat16. A block takes the same UNITS outputs of both, as the halves of
// its OUTS, and rounds them to bfloat16: so y has the bits that few_rows.cu and gated_activation.cu
// give it together. Grid: ceil(hidden / UNITS).

#define UNITS (OUTS / 2)

extern "C" __device__ const int few_gated_rows_waits = 1;

extern "C" __global__ void __launch_bounds__(THREADS) few_gated_rows(
    const bf16* x, long long x_stride, int rows, int in, const bf16* gate, const bf16* gate_bias,
    const bf16* up, const bf16* up_bias, float multiplier, bf16* __restrict__ y, int hidden) {
  __shared__ Sums sums;
  int first = blockIdx.x * UNITS;
  fetch_first(gate, first, UNITS, hidden, in);
  fetch_first(up, first, UNITS, hidden, in);
  launch_dependents();
  wait_for_prerequisites();

  // What lies beyond the units is read where something is, and its sums are not used.
  int read = first + threadIdx.x % 32 / 4;
  long long from = (long long)(read < hidden ? read : hidden - 1) * in;
  sum_inputs(gate + from, up + from, x, x_stride, rows, in, sums);
  if (threadIdx.x >= UNITS * MOST_ROWS) return;
  int row = threadIdx.x / UNITS, unit = threadIdx.x % UNITS, at = first + unit;
  if (row >= rows || at >= hidden) return;
  float g = rounded<bf16>(total(sums, row, unit, gate_bias, at));
  float u = rounded<bf16>(total(sums, row, UNITS + unit, up_bias, at));
  from_float(u * activation(multiplier * g).value, y[(long long)row * hidden + at]);
}
