// Products of a few rows, x [rows, in], with one to three matrices [out, in] in bfloat16, by
// few_rows_sums.cu: each y [rows, width] has zeros from `out` on. A block takes OUTS outputs.
// Grid: the sum of ceil(width / OUTS).

extern "C" __device__ const int few_rows_waits = 1;

extern "C" __global__ void __launch_bounds__(THREADS) few_rows(
    const bf16* x, long long x_stride, int rows, int in, const bf16* weight0, const bf16* bias0,
    bf16* __restrict__ y0, int out0, int width0, const bf16* weight1, const bf16* bias1,
    bf16* __restrict__ y1, int out1, int width1, const bf16* weight2, const bf16* bias2,
    bf16* __restrict__ y2, int out2, int width2) {
  __shared__ Sums sums;
  int tile = blockIdx.x, tiles0 = (width0 + OUTS - 1) / OUTS, tiles1 = (width1 + OUTS - 1) / OUTS;
  const bf16 *weight = weight0, *bias = bias0;
  bf16* y = y0;
  int out = out0, width = width0;
  if (tile >= tiles0 + tiles1) {
    tile -= tiles0 + tiles1;
    weight = weight2, bias = bias2, y = y2, out = out2, width = width2;
  } else if (tile >= tiles0) {
    tile -= tiles0;
    weight = weight1, bias = bias1, y = y1, out = out1, width = width1;
  }

  fetch_first(weight, tile * OUTS, OUTS, out, in);
  launch_dependents();
  wait_for_prerequisites();

  // What lies beyond the outputs is read where something is, and its sums are not used.
  int lower = tile * OUTS + threadIdx.x % 32 / 4, upper = lower + OUTS / 2;
  sum_inputs(weight + (long long)(lower < out ? lower : out - 1) * in,
             weight + (long long)(upper < out ? upper : out - 1) * in, x, x_stride, rows, in, sums);
  if (threadIdx.x >= OUTS * MOST_ROWS) return;
  int row = threadIdx.x / OUTS, output = threadIdx.x % OUTS, at = tile * OUTS + output;
  if (row >= rows || at >= width) return;
  from_float(at < out ? total(sums, row, output, bias, at) : 0.f, y[(long long)row * width + at]);
}
