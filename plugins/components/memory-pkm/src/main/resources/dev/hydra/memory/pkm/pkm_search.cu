// The search of product keys: of each query the TOP_K best sub-keys of both halves, of their sums the
// TOP_K best, and the softmax of these. A warp has a query; nothing but the result is written.
//
// Compile-time options (-D):
//   KEYS   sub-keys of a half, at most 1024
//   TOP_K  rows that a query reads, at most 32 and KEYS
//
// Launch both: grid (queries / 4, rounded up), 128 threads.
//
//   scores   fp32 [heads, 2, tokens, KEYS]
//   rows     int64 [tokens, heads, TOP_K]: i * KEYS + j, best first; of equal ones in a fixed order
//   weights  fp32 [tokens, heads, TOP_K]
typedef long long Long;

constexpr int PER_LANE = (KEYS + 31) / 32;
constexpr int WARPS = 4;
constexpr unsigned ALL = 0xffffffffu;
static_assert(KEYS <= 1024 && TOP_K <= 32 && TOP_K <= KEYS, "see above");

// Maps floats to unsigned numbers of the same order, all above 0; NaN is above all.
__device__ __forceinline__ unsigned ordered(float value) {
  unsigned bits = __float_as_uint(value);
  return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

__device__ __forceinline__ float unordered(unsigned rank) {
  return __uint_as_float(rank & 0x80000000u ? rank & 0x7fffffffu : ~rank);
}

__device__ __forceinline__ unsigned largest_of_warp(unsigned value) {
  unsigned largest;
  asm("redux.sync.max.u32 %0, %1, 0xffffffff;" : "=r"(largest) : "r"(value));
  return largest;
}

__device__ __forceinline__ float sum_of_warp(float value) {
#pragma unroll
  for (int mask = 16; mask > 0; mask /= 2) value += __shfl_xor_sync(ALL, value, mask);
  return value;
}

// Lane r gets the r-th best score and its key, lanes from TOP_K on 0 (below all) and 0.
__device__ __forceinline__ void best_keys(const float* scores, int lane, unsigned& best, int& key) {
  unsigned ranks[PER_LANE];
#pragma unroll
  for (int c = 0; c < PER_LANE; c++) {
    int at = 32 * c + lane;
    ranks[c] = KEYS % 32 == 0 || at < KEYS ? ordered(scores[at]) : 0u;
  }
  best = 0u;
  key = 0;
  for (int r = 0; r < TOP_K; r++) {
    unsigned own = 0u;
    int place = 0;
#pragma unroll
    for (int c = 0; c < PER_LANE; c++) {
      bool better = ranks[c] > own;
      own = better ? ranks[c] : own;
      place = better ? c : place;
    }
    unsigned most = largest_of_warp(own);
    int winner = __ffs(__ballot_sync(ALL, own == most)) - 1;
    int won = __shfl_sync(ALL, 32 * place + lane, winner);
    if (lane == r) {
      best = most;
      key = won;
    }
#pragma unroll
    for (int c = 0; c < PER_LANE; c++) {
      if (lane == winner && c == place) ranks[c] = 0u;
    }
  }
}

extern "C" __device__ const int pkm_search_waits = 1;

extern "C" __global__ void __launch_bounds__(32 * WARPS) pkm_search(
    const float* scores, Long* rows, float* weights, Long tokens, Long heads) {
  wait_for_prerequisites();
  int lane = threadIdx.x & 31;
  Long query = (Long)blockIdx.x * WARPS + (threadIdx.x >> 5);
  if (query >= tokens * heads) return;
  Long token = query / heads;
  Long head = query % heads;
  unsigned best[2];
  int key[2];
#pragma unroll
  for (int half = 0; half < 2; half++) {
    best_keys(scores + ((2 * head + half) * tokens + token) * KEYS, lane, best[half], key[half]);
  }
  // Lane i offers the i-th key of the first half with the best one of the second that it has not
  // been taken with yet.
  float first = unordered(best[0]);
  float second = unordered(best[1]);
  int next = 0;
  unsigned chosen = 0u;
  int i = 0;
  int j = 0;
  for (int r = 0; r < TOP_K; r++) {
    float partner = __shfl_sync(ALL, second, next & 31);
    unsigned offer = lane < TOP_K && next < TOP_K ? ordered(first + partner) : 0u;
    unsigned most = largest_of_warp(offer);
    int winner = __ffs(__ballot_sync(ALL, offer == most)) - 1;
    int at = __shfl_sync(ALL, next, winner);
    int from_first = __shfl_sync(ALL, key[0], winner);
    int from_second = __shfl_sync(ALL, key[1], at);
    if (lane == r) {
      chosen = most;
      i = from_first;
      j = from_second;
    }
    if (lane == winner) next++;
  }
  float top = __shfl_sync(ALL, unordered(chosen), 0);
  float part = lane < TOP_K ? expf(unordered(chosen) - top) : 0.0f;
  float total = sum_of_warp(part);
  if (lane < TOP_K) {
    rows[query * TOP_K + lane] = (Long)i * KEYS + j;
    weights[query * TOP_K + lane] = part / total;
  }
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
  float change = weight * (gradient - sum_of_warp(weight * gradient));
  __syncwarp();
  // Two lanes add, each to a half of its own: always in the same order.
  for (int r = 0; r < TOP_K; r++) {
    float added = __shfl_sync(ALL, change, r);
    int of = __shfl_sync(ALL, row, r);
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
