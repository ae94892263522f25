// Sums over the inputs of a few rows, x [rows, in], for OUTS outputs of matrices [out, in] in bfloat16.
// The time is that of reading the matrices, so the tensor cores take the rows as the narrow side of a
// product of 16 x 8, full or not: a row's sums have the same order whatever their number.
//
// The warps of a block share the inputs, STEP at a time. Lane l reads 8 inputs of outputs l / 4 and
// l / 4 + 8 and of row l / 4 at once, 8 (l % 4) and on: which input of a fragment is which does not
// matter as long as both sides agree. Addresses and `in` must be multiples of 16 bytes.
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

// Has what the block reads first of `count` outputs brought to the L2 cache, before the kernel waits for
// what makes x: without gradient the weights are constant.
__device__ __forceinline__ void fetch_first(
    const bf16* weight, int from, int count, int out, int in) {
  int inputs = AHEAD * WARPS * STEP < in ? AHEAD * WARPS * STEP : in;
  if (blockIdx.x < EARLY && threadIdx.x % 32 == 0)
    for (int at = from + threadIdx.x / 32; at < out && at < from + count; at += WARPS)
      fetch_ahead(weight + (long long)at * in, inputs * sizeof(bf16));
}

typedef float Sums[WARPS][MOST_ROWS][OUTS];  // what each warp has found, shared by the block

// The weights are those of the lane's two outputs. What lies beyond the rows is read where something
// is, and its sums are not used.
__device__ __forceinline__ void sum_inputs(
    const bf16* lower_weight, const bf16* upper_weight, const bf16* x, long long x_stride, int rows,
    int in, Sums& found) {
  int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  int row = lane / 4, column = lane % 4 * VECTOR;
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
  found[warp][left][row] = sums[0];
  found[warp][left + 1][row] = sums[1];
  found[warp][left][row + OUTS / 2] = sums[2];
  found[warp][left + 1][row + OUTS / 2] = sums[3];
  __syncthreads();
}

// The sum for one of the block's outputs, number `at` of its matrix, which may have a bias.
__device__ __forceinline__ float total(
    const Sums& found, int row, int output, const bf16* bias, int at) {
  float sum = 0.f;
#pragma unroll
  for (int w = 0; w < WARPS; w++) sum += found[w][row][output];
  return bias != nullptr ? sum + to_float(bias[at]) : sum;
}
