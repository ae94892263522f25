// The gradients of queries and sub-keys of the search. Of the scores of a query at most TOP_K in a
// half have a gradient: these are listed, and the products are sums over the lists.
//
// Compile-time options (-D):
//   KEYS   sub-keys of a half, at most 1024
//   TOP_K  rows that a query reads, at most 32 and KEYS
//   HALF   channels of half a key
//   SLICE  channels that a block has, 32 or 64, which a lane reads two at once: then HALF is even
//
//   rows, weights  as pkm_choice.cu writes them; gradients fp32 [tokens, heads, TOP_K], of the weights
//   listed         [heads, 2, tokens, TOP_K]: key, or -1 behind the last one, and its gradient
//   queries        fp32 [tokens, heads, 2, HALF], keys fp32 [heads, 2, KEYS, HALF]
typedef long long Long;

constexpr unsigned ALL = 0xffffffffu;
constexpr int OWN = SLICE / 32;  // channels of a lane
constexpr int QUERY_WARPS = 32;
constexpr int KEY_WARPS = 16;
constexpr int AHEAD = 8;  // tokens on their way
static_assert(KEYS <= 1024 && TOP_K <= 32 && TOP_K <= KEYS, "see above");

struct Listed {
  int key;
  float change;
};

extern __shared__ __align__(16) float shared_floats[];

extern "C" __device__ const int pkm_query_gradients_bytes = KEYS * SLICE * 4;
extern "C" __device__ const int pkm_key_gradients_bytes = KEYS * SLICE * 4;

// Launch: grid (queries / 4, rounded up), 128 threads: a warp has a query.
extern "C" __global__ void __launch_bounds__(128) pkm_changes(
    const float* __restrict__ gradients, const float* __restrict__ weights,
    const Long* __restrict__ rows, Listed* __restrict__ listed, Long tokens, Long heads) {
  int lane = threadIdx.x & 31;
  Long query = (Long)blockIdx.x * 4 + (threadIdx.x >> 5);
  if (query >= tokens * heads) return;
  bool some = lane < TOP_K;
  float gradient = some ? gradients[query * TOP_K + lane] : 0.0f;
  float weight = some ? weights[query * TOP_K + lane] : 0.0f;
  int row = some ? (int)rows[query * TOP_K + lane] : -1;
  float mean = weight * gradient;
  mean = sum_lanes(mean);
  float change = weight * (gradient - mean);
#pragma unroll
  for (int half = 0; half < 2; half++) {
    int key = half == 0 ? row / KEYS : row % KEYS;
    float sum = 0.0f;
    bool first = some;
#pragma unroll
    for (int r = 0; r < TOP_K; r++) {
      bool same = from_lane(key, r) == key;
      float added = from_lane(change, r);
      sum += same ? added : 0.0f;
      first = first && !(same && r < lane);
    }
    unsigned all = __ballot_sync(ALL, first);
    Listed* to = listed + ((2 * (query % heads) + half) * tokens + query / heads) * TOP_K;
    if (first) to[__popc(all & ((1u << lane) - 1u))] = {key, sum};
    int count = __popc(all);
    if (some && lane >= count) to[lane] = {-1, 0.0f};
  }
}

// What a block has: a slice of the channels of a half, and a part of the tokens.
struct Part {
  Long half, begin, end;
  int channel;
  bool some;

  __device__ __forceinline__ explicit Part(Long tokens) {
    half = blockIdx.z;
    Long each = (tokens + gridDim.x - 1) / gridDim.x;
    begin = blockIdx.x * each;
    end = begin + each < tokens ? begin + each : tokens;
    channel = blockIdx.y * SLICE + (threadIdx.x & 31) * OWN;
    some = channel < HALF;
  }
};

struct Own {
  float at[OWN];
};

__device__ __forceinline__ Own read(const float* from, bool some) {
  Own found;
#pragma unroll
  for (int v = 0; v < OWN; v++) found.at[v] = 0.0f;
  if (some) {
    if (OWN == 2) {
      float2 both = *(const float2*)from;
      found.at[0] = both.x;
      found.at[OWN - 1] = both.y;
    } else {
      found.at[0] = *from;
    }
  }
  return found;
}

__device__ __forceinline__ void write(float* to, Own value) {
  if (OWN == 2) {
    *(float2*)to = make_float2(value.at[0], value.at[OWN - 1]);
  } else {
    *to = value.at[0];
  }
}

// Launch: grid (parts of the tokens, HALF / SLICE, rounded up, 2 heads), 1,024 threads. The keys of a block are in
// shared memory; a warp has a token. dqueries: as queries.
extern "C" __global__ void __launch_bounds__(32 * QUERY_WARPS) pkm_query_gradients(
    const Listed* __restrict__ listed, const float* __restrict__ keys, float* __restrict__ dqueries,
    Long tokens) {
  int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
  Part part(tokens);
  float* own = shared_floats + lane * OWN;
  keys += part.half * KEYS * HALF;
  for (int key = warp; key < KEYS; key += QUERY_WARPS)
    write(own + key * SLICE, read(keys + key * HALF + part.channel, part.some));
  __syncthreads();
  for (Long token = part.begin + warp; token < part.end; token += QUERY_WARPS) {
    Listed entry = {-1, 0.0f};
    if (lane < TOP_K) entry = listed[(part.half * tokens + token) * TOP_K + lane];
    int count = __popc(__ballot_sync(ALL, entry.key >= 0));
    Own sum = read(nullptr, false);
#pragma unroll 4
    for (int r = 0; r < count; r++) {
      float change = from_lane(entry.change, r);
      Own key = read(own + from_lane(entry.key, r) * SLICE, true);
#pragma unroll
      for (int v = 0; v < OWN; v++) sum.at[v] += change * key.at[v];
    }
    if (part.some) write(dqueries + (token * gridDim.z + part.half) * HALF + part.channel, sum);
  }
}

// Launch: likewise, with 512 threads; a warp has every KEY_WARPS-th key and walks over the tokens of the block.
// partials: fp32 [parts, heads, 2, KEYS, HALF], the keys' gradients by each part.
extern "C" __global__ void __launch_bounds__(32 * KEY_WARPS) pkm_key_gradients(
    const Listed* __restrict__ listed, const float* __restrict__ queries, float* __restrict__ partials,
    Long tokens) {
  int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
  Part part(tokens);
  float* own = shared_floats + lane * OWN;
  for (int key = warp; key < KEYS; key += KEY_WARPS) write(own + key * SLICE, read(nullptr, false));
  for (Long token = part.begin; token < part.end; token += AHEAD) {
    Listed entries[AHEAD];
    Own asking[AHEAD];
#pragma unroll
    for (int t = 0; t < AHEAD; t++) {
      bool there = token + t < part.end;
      entries[t] = {-1, 0.0f};
      if (there && lane < TOP_K) entries[t] = listed[(part.half * tokens + token + t) * TOP_K + lane];
      asking[t] = read(
          queries + ((token + t) * gridDim.z + part.half) * HALF + part.channel, there && part.some);
    }
#pragma unroll
    for (int t = 0; t < AHEAD; t++) {
      unsigned mine = __ballot_sync(ALL, entries[t].key >= 0 && entries[t].key % KEY_WARPS == warp);
      while (mine) {
        int r = __ffs(mine) - 1;
        mine &= mine - 1;
        float change = from_lane(entries[t].change, r);
        float* at = own + from_lane(entries[t].key, r) * SLICE;
        Own sum = read(at, true);
#pragma unroll
        for (int v = 0; v < OWN; v++) sum.at[v] += change * asking[t].at[v];
        write(at, sum);
      }
    }
  }
  partials += ((Long)blockIdx.x * gridDim.z + part.half) * KEYS * HALF + part.channel;
  if (part.some) {
    for (int key = warp; key < KEYS; key += KEY_WARPS)
      write(partials + (Long)key * HALF, read(own + key * SLICE, true));
  }
}
