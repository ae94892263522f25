// The search of product keys from scores of sub-keys on: see pkm_choice.cu. Nothing but the result is
// written.
//
// Launch both: grid (queries / 4, rounded up), 128 threads.
//
//   scores   fp32 [heads, 2, tokens, KEYS]

constexpr int WARPS = 4;

extern "C" __device__ const int pkm_search_waits = 1;

extern "C" __global__ void __launch_bounds__(32 * WARPS) pkm_search(
    const float* scores, Long* rows, float* weights, Long tokens, Long heads) {
  __shared__ Ranked room[WARPS][ROOM];
  wait_for_prerequisites();
  int lane = threadIdx.x & 31;
  int warp = threadIdx.x >> 5;
  Long query = (Long)blockIdx.x * WARPS + warp;
  if (query >= tokens * heads) return;
  scores += (2 * (query % heads) * tokens + query / heads) * KEYS;
  Ranked first = best_keys(scores, lane, room[warp]);
  Ranked second = best_keys(scores + tokens * KEYS, lane, room[warp]);
  choose(first, second, lane, query, rows, weights);
}

//   gradients  fp32 [tokens, heads, TOP_K], of the weights
//   scores     fp32 [heads, 2, tokens, KEYS], their gradients, all of them written
extern "C" __global__ void __launch_bounds__(32 * WARPS) pkm_search_backward(
    const float* gradients, const float* weights, const Long* rows, float* scores, Long tokens,
    Long heads) {
  __shared__ float sums[WARPS][2 * KEYS];
  int lane = threadIdx.x & 31;
  int warp = threadIdx.x >> 5;
  Long query = (Long)blockIdx.x * WARPS + warp;
  if (query >= tokens * heads) return;
  for (int at = lane; at < 2 * KEYS; at += 32) sums[warp][at] = 0.0f;
  float gradient = lane < TOP_K ? gradients[query * TOP_K + lane] : 0.0f;
  float weight = lane < TOP_K ? weights[query * TOP_K + lane] : 0.0f;
  int row = lane < TOP_K ? (int)rows[query * TOP_K + lane] : 0;
  float change = weight * (gradient - sum_lanes(weight * gradient));
  __syncwarp();
  // Two lanes add, each to a half of its own: always in the same order.
  for (int r = 0; r < TOP_K; r++) {
    float added = from_lane(change, r);
    int of = from_lane(row, r);
    if (lane < 2) sums[warp][lane == 0 ? of / KEYS : KEYS + of % KEYS] += added;
  }
  __syncwarp();
  Long token = query / heads;
  Long head = query % heads;
#pragma unroll
  for (int half = 0; half < 2; half++) {
    float* to = scores + ((2 * head + half) * tokens + token) * KEYS;
    for (int at = lane; at < KEYS; at += 32) to[at] = sums[warp][half * KEYS + at];
  }
}
