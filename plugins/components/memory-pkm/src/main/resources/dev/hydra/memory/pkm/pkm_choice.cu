// Which rows a query reads, by its scores of the sub-keys of both halves: of these the TOP_K best each, of
// their sums the TOP_K best, and the softmax of these. A warp has a query.
//
// Compile-time options (-D):
//   KEYS   sub-keys of a half, at most 1024
//   TOP_K  rows that a query reads, at most 32 and KEYS
//
//   rows     int64 [tokens, heads, TOP_K]: i * KEYS + j, best first; of equal ones in a fixed order
//   weights  fp32 [tokens, heads, TOP_K]
typedef long long Long;

constexpr int PER_LANE = (KEYS + 31) / 32;
constexpr unsigned ALL = 0xffffffffu;
// So few are sooner found one by one than by sorting.
constexpr bool FEW = TOP_K < 16;
static_assert(KEYS <= 1024 && TOP_K <= 32 && TOP_K <= KEYS, "see above");

__device__ __forceinline__ unsigned largest_of_warp(unsigned value) {
  unsigned largest;
  asm("redux.sync.max.u32 %0, %1, 0xffffffff;" : "=r"(largest) : "r"(value));
  return largest;
}

__device__ __forceinline__ unsigned smallest_of_warp(unsigned value) {
  unsigned smallest;
  asm("redux.sync.min.u32 %0, %1, 0xffffffff;" : "=r"(smallest) : "r"(value));
  return smallest;
}

// Puts what rises and falls (or falls and rises) over the lanes of a warp in order.
template <class T>
__device__ __forceinline__ T merge(T value, int lane, bool falling) {
#pragma unroll
  for (int stride = 16; stride > 0; stride /= 2) {
    T other = exchange(value, stride);
    bool larger = ((lane & stride) == 0) == falling;
    value = (value > other) == larger ? value : other;
  }
  return value;
}

// Sorts over the lanes of a warp.
template <class T>
__device__ __forceinline__ T sort(T value, int lane, bool falling) {
#pragma unroll
  for (int size = 2; size < 32; size *= 2) {
#pragma unroll
    for (int stride = size / 2; stride > 0; stride /= 2) {
      T other = exchange(value, stride);
      bool larger = ((lane & stride) == 0) == ((lane & size) == 0);
      value = (value > other) == larger ? value : other;
    }
  }
  return merge(value, lane, falling);
}

// Scores that may be among the best, where these are not too many.
constexpr int ROOM = 64;

// Lane r gets the r-th best score and its key, lanes from TOP_K on 0 (below all): one by one, by what each
// lane has left.
__device__ __forceinline__ Ranked best_one_by_one(const float* scores, int lane) {
  unsigned ranks[PER_LANE];
#pragma unroll
  for (int c = 0; c < PER_LANE; c++) {
    int at = 32 * c + lane;
    ranks[c] = KEYS % 32 == 0 || at < KEYS ? ordered(scores[at]) : 0u;
  }
  Ranked best = 0u;
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
    int won = from_lane(32 * place + lane, winner);
    if (lane == r) best = ranked(most, won);
#pragma unroll
    for (int c = 0; c < PER_LANE; c++) {
      if (lane == winner && c == place) ranks[c] = 0u;
    }
  }
  return best;
}

// The same where it is seldom needed: no registers are kept for it.
__device__ __noinline__ Ranked best_of_crowd(const float* scores, int lane) {
  return best_one_by_one(scores, lane);
}

// Lane r gets the r-th best score and its key; lanes from TOP_K on get anything. The two best of each
// lane are 64 scores: no key below the 32nd of them is among the best 32, and few are above it.
__device__ __forceinline__ Ranked best_keys(const float* scores, int lane, Ranked* room) {
  if (FEW) return best_one_by_one(scores, lane);
  unsigned ranks[PER_LANE];
  unsigned first = 0u;
  unsigned second = 0u;
#pragma unroll
  for (int c = 0; c < PER_LANE; c++) {
    int at = 32 * c + lane;
    ranks[c] = KEYS % 32 == 0 || at < KEYS ? ordered(scores[at]) : 0u;
  }
#pragma unroll
  for (int c = 0; c < PER_LANE; c++) {
    second = max(second, min(first, ranks[c]));
    first = max(first, ranks[c]);
  }
  first = sort(first, lane, true);
  second = sort(second, lane, false);
  unsigned limit = max(smallest_of_warp(max(first, second)), 1u);
  int count = 0;
#pragma unroll
  for (int c = 0; c < PER_LANE; c++) {
    bool some = ranks[c] >= limit;
    unsigned all = __ballot_sync(ALL, some);
    int at = count + __popc(all & ((1u << lane) - 1u));
    if (some && at < ROOM) room[at] = ranked(ranks[c], 32 * c + lane);
    count += __popc(all);
  }
  if (count > ROOM) return best_of_crowd(scores, lane);
  __syncwarp();
  Ranked best = sort(lane < count ? room[lane] : 0u, lane, true);
  if (count > 32) {
    Ranked more = sort(lane + 32 < count ? room[lane + 32] : 0u, lane, false);
    best = merge(larger(best, more), lane, true);
  }
  __syncwarp();
  return best;
}

// Of the i-th and j-th best of both halves, counted from 0, a sum can only be among the best 32 where
// (i + 1) (j + 1) <= 32. These are they with i and j above 0, as 16 i + j; 0 is none.
__device__ const unsigned char PAIRS[64] = {
    0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f, 0x21,
    0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x28, 0x29, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x41,
    0x42, 0x43, 0x44, 0x45, 0x51, 0x52, 0x53, 0x54, 0x61, 0x62, 0x63, 0x71, 0x72, 0x73, 0x81, 0x82,
    0x91, 0x92, 0xa1, 0xb1, 0xc1, 0xd1, 0xe1, 0xf1};

// The sum of the i-th and j-th best, and of what it is one: 32 i + j.
__device__ __forceinline__ Ranked pair(float first, float second, int i, int j) {
  float sum = from_lane(first, i) + from_lane(second, j);
  return i < TOP_K && j < TOP_K ? ranked(ordered(sum), 32 * i + j) : 0u;
}

// Lane r gets the r-th best sum of two: one by one, where lane i offers the i-th key of the first half with
// the best one of the second that it has not been taken with yet.
__device__ __forceinline__ Ranked best_pairs_one_by_one(float first, float second, int lane) {
  int next = 0;
  Ranked best = 0u;
  for (int r = 0; r < TOP_K; r++) {
    float partner = from_lane(second, next & 31);
    unsigned offer = lane < TOP_K && next < TOP_K ? ordered(first + partner) : 0u;
    unsigned most = largest_of_warp(offer);
    int winner = __ffs(__ballot_sync(ALL, offer == most)) - 1;
    int at = from_lane(next, winner);
    if (lane == r) best = ranked(most, 32 * winner + at);
    if (lane == winner) next++;
  }
  return best;
}

// Lane r gets the r-th best sum of two in order: those with the best of one half are in order too.
__device__ __forceinline__ Ranked best_pairs(float first, float second, int lane) {
  if (FEW) return best_pairs_one_by_one(first, second, lane);
  Ranked row = pair(first, second, 0, lane);
  Ranked column = pair(first, second, (32 - lane) & 31, 0);
  Ranked best = merge(larger(row, lane == 0 ? 0u : column), lane, true);
  int some = PAIRS[lane];
  int others = PAIRS[lane + 32];
  Ranked inner = sort(pair(first, second, some / 16, some % 16), lane, true);
  Ranked rest = pair(first, second, others / 16, others % 16);
  rest = sort(others == 0 ? 0u : rest, lane, false);
  inner = merge(larger(inner, rest), lane, false);
  return merge(larger(best, inner), lane, true);
}

// Writes the rows and weights of a query, by the best keys of both halves.
__device__ __forceinline__ void choose(
    Ranked first, Ranked second, int lane, Long query, Long* rows, float* weights) {
  Ranked best = best_pairs(unordered(rank_of(first)), unordered(rank_of(second)), lane);
  int i = from_lane(of(first), of(best) / 32 & 31);
  int j = from_lane(of(second), of(best) & 31);
  float score = unordered(rank_of(best));
  float top = from_lane(score, 0);
  float part = lane < TOP_K ? expf(score - top) : 0.0f;
  float total = sum_lanes(part);
  if (lane < TOP_K) {
    rows[query * TOP_K + lane] = (Long)i * KEYS + j;
    weights[query * TOP_K + lane] = part / total;
  }
}
