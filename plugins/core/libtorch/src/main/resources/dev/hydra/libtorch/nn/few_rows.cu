// Products of a few rows, x [rows, in], with one to three matrices [out, in] in bfloat16: each y
// [rows, width] has zeros from `out` on. The time is that of reading the matrices, so the tensor cores
// take the rows as the narrow side of a product of 16 x 8, full or not: a row's sums have the same
// order whatever their number.
//
// A block takes OUTS outputs; its warps share the inputs, STEP at a time. Lane l reads 8 inputs of
// outputs l / 4 and l / 4 + 8 and of row l / 4 at once, 8 (l % 4) and on: which input of a fragment
// is which does not matter as long as both sides agree. Addresses and `in` must be multiples of 16
// bytes. Grid: the sum of ceil(width / OUTS).
//
// The weights that a block reads first are on their way to the L2 cache before the kernel waits for
// what makes x: without gradient they are constant.
//
// Chosen by the host: WARPS of a block (4 or more).

#define THREADS (WARPS * 32)
#define OUTS 16  // as FewRows counts
#define MOST_ROWS 8
#define VECTOR 8
#define STEP (4 * VECTOR)
#define AHEAD 8  // steps that a warp reads at once
#define EARLY 512  // no more blocks than these are there before the kernel waits

struct __align__(16) Words {
  unsigned at[4];
};

// 16 bytes.
__device__ __forceinline__ Words read(const bf16* from) {
  return *reinterpret_cast<const Words*>(from);
}

// 16 bytes that are read once; not through a cache for what nobody changes, see dependent_launch.cu.
__device__ __forceinline__ Words stream(const bf16* from) {
  Words w;
  asm volatile("ld.global.L1::no_allocate.v4.u32 {%0,%1,%2,%3}, [%4];"
               : "=r"(w.at[0]), "=r"(w.at[1]), "=r"(w.at[2]), "=r"(w.at[3])
               : "l"(from));
  return w;
}

extern "C" __device__ const int few_rows_waits = 1;

extern "C" __global__ void __launch_bounds__(THREADS) few_rows(
    const bf16* x, long long x_stride, int rows, int in, const bf16* weight0, const bf16* bias0,
    bf16* __restrict__ y0, int out0, int width0, const bf16* weight1, const bf16* bias1,
    bf16* __restrict__ y1, int out1, int width1, const bf16* weight2, const bf16* bias2,
    bf16* __restrict__ y2, int out2, int width2) {
  __shared__ float shared_sums[WARPS][MOST_ROWS][OUTS];
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

  int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  int first = AHEAD * WARPS * STEP < in ? AHEAD * WARPS * STEP : in;
  if (blockIdx.x < EARLY && lane == 0)
    for (int at = tile * OUTS + warp; at < out && at < (tile + 1) * OUTS; at += WARPS)
      fetch_ahead(weight + (long long)at * in, first * sizeof(bf16));
  launch_dependents();
  wait_for_prerequisites();

  int row = lane / 4, column = lane % 4 * VECTOR;
  // What lies beyond the outputs, or the rows, is read where something is, and its sums are not used.
  int lower = tile * OUTS + row, upper = lower + OUTS / 2;
  const bf16* lower_weight = weight + (long long)(lower < out ? lower : out - 1) * in;
  const bf16* upper_weight = weight + (long long)(upper < out ? upper : out - 1) * in;
  const bf16* own_x = x + (row < rows ? row : rows - 1) * x_stride;
  float sums[4] = {0.f, 0.f, 0.f, 0.f};
  for (int begin = warp * STEP; begin < in; begin += AHEAD * WARPS * STEP) {
    Words low[AHEAD], up[AHEAD], some[AHEAD];
#pragma unroll
    for (int a = 0; a < AHEAD; a++) {
      int at = begin + a * WARPS * STEP;
      if (at < in) {  // the same for the warp
        at = at + column < in ? at + column : in - VECTOR;
        some[a] = read(own_x + at);
        low[a] = stream(lower_weight + at);
        up[a] = stream(upper_weight + at);
      }
    }
#pragma unroll
    for (int a = 0; a < AHEAD; a++) {
      int at = begin + a * WARPS * STEP;
      if (at < in) {
#pragma unroll
        for (int half = 0; half < 4; half += 2) {
          unsigned of_weights[4] = {
              low[a].at[half], up[a].at[half], low[a].at[half + 1], up[a].at[half + 1]};
          bool inside = at + column < in;  // else of no input: times zero
          mma_bf16(sums, of_weights, inside ? some[a].at[half] : 0u,
                   inside ? some[a].at[half + 1] : 0u);
        }
      }
    }
  }
  int left = lane % 4 * 2;
  shared_sums[warp][left][row] = sums[0];
  shared_sums[warp][left + 1][row] = sums[1];
  shared_sums[warp][left][row + OUTS / 2] = sums[2];
  shared_sums[warp][left + 1][row + OUTS / 2] = sums[3];
  __syncthreads();
  if (threadIdx.x >= OUTS * MOST_ROWS) return;
  int of_row = threadIdx.x / OUTS, at = tile * OUTS + threadIdx.x % OUTS;
  if (of_row >= rows || at >= width) return;
  float sum = 0.f;
#pragma unroll
  for (int w = 0; w < WARPS; w++) sum += shared_sums[w][of_row][threadIdx.x % OUTS];
  if (bias != nullptr && at < out) sum += to_float(bias[at]);
  from_float(at < out ? sum : 0.f, y[(long long)of_row * width + at]);
}
