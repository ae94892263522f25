// How a chunk-topk router routes one more token of each of several texts: the token's logits, the
// decision where a chunk begins with it (else that of the running chunk stands), the experts of that
// decision; and what is kept of a text moves on in place. With p the tokens of the text before, of
// which mark, total are the sums of logits before the running chunk and before this token:
//
//   p % chunk == 0: decision = summary, where `summary` is
//     0: (total - mark) / chunk   1: total / p   2: this token's logits
//     and this token's logits for p = 0; then mark = total
//   always: total += this token's logits
//
//   x          [texts, width], stride x_row, 1
//   weight     fp32 [EXPERTS, width]
//   positions  int64 [texts]: p
//   decision, total, mark   fp64 [texts, EXPERTS]
//   bias, k, sigmoid, normalize, experts, weights   as in expert_choice.cu, a row for each text
//
// Options: those of expert_row.cu; VECTOR, channels that a thread reads at once; ELEMENT_BF16.
//
// Launch: grid (texts), 1024 threads: the width is shared out to PARTS warps for each expert.
constexpr int THREADS = 1024;
constexpr int WARPS = THREADS / 32;
constexpr int PARTS = EXPERTS < WARPS ? WARPS / EXPERTS : 1;

extern "C" __device__ const int chunk_step_waits = 1;

extern "C" __global__ void __launch_bounds__(THREADS) chunk_step(
    const Element* x, Long x_row, const float* weight, const Long* positions, double* decision,
    double* total, double* mark, const float* bias, int width, int chunk, int summary, int k,
    int sigmoid, int normalize, Long* __restrict__ experts, float* __restrict__ weights) {
  __shared__ float products[EXPERTS * PARTS];
  __shared__ float decided[EXPERTS];
  int in_warp = threadIdx.x % 32;
  if (threadIdx.x < EXPERTS) fetch_ahead(weight + (Long)threadIdx.x * width, width * sizeof(float));
  launch_dependents();
  wait_for_prerequisites();
  x += blockIdx.x * x_row;
  for (int task = threadIdx.x / 32; task < EXPERTS * PARTS; task += WARPS) {
    const float* own = weight + (Long)(task / PARTS) * width;
    float sum = 0.f;
#pragma unroll 4
    for (int c = (task % PARTS * 32 + in_warp) * VECTOR; c < width; c += PARTS * 32 * VECTOR) {
      float w[VECTOR], values[VECTOR];
      load_floats<VECTOR>(own + c, w);
      load_floats<VECTOR>(x + c, values);
#pragma unroll
      for (int v = 0; v < VECTOR; v++) sum += w[v] * values[v];
    }
    sum = sum_lanes(sum);
    if (in_warp == 0) products[task] = sum;
  }
  __syncthreads();
  if (threadIdx.x < EXPERTS) {
    float logit = 0.f;
#pragma unroll
    for (int p = 0; p < PARTS; p++) logit += products[threadIdx.x * PARTS + p];
    Long position = positions[blockIdx.x];
    Long at = (Long)blockIdx.x * EXPERTS + threadIdx.x;
    double before = total[at], standing = decision[at];
    if (position % chunk == 0) {
      standing = summary == 0   ? (before - mark[at]) * (1.0 / chunk)
                 : summary == 1 ? before / (double)(position < 1 ? 1 : position)
                                : (double)logit;
      if (position == 0) standing = logit;
      mark[at] = before;
      decision[at] = standing;
    }
    total[at] = (double)logit + before;
    decided[threadIdx.x] = (float)standing;
  }
  __syncthreads();
  if (threadIdx.x >= 32) return;
  int lane = in_warp % LANES;
  Row row(decided, lane, sigmoid);
  int expert[ITEMS];
  float score[ITEMS], scale;
  choose(row, bias, k, lane, expert, score, scale);
#pragma unroll
  for (int i = 0; i < ITEMS; i++) {
    int j = i * LANES + lane;
    if (in_warp < LANES && j < k) {
      experts[(Long)blockIdx.x * k + j] = expert[i];
      weights[(Long)blockIdx.x * k + j] = normalize ? score[i] / (scale + TINY) : score[i];
    }
  }
}
