// Causal attention to a window of keys, or to all before, with FlashAttention's running softmax (arXiv
// 2205.14135); as in FlashAttention-3 (arXiv 2407.08608) the scores of the next keys and the products with
// the values of these are issued together.
//
// Query t sees keys s with t - window < s <= t and s >= starts[t], which may not decrease with t.
//
// Compile-time options (-D): HEAD_DIM, 64 or 128.
//
//   q            bf16 [batch, time, heads, HEAD_DIM] with strides, multiples of 8
//   k, v         bf16 [batch, time, kvHeads, HEAD_DIM] with strides, multiples of 8
//   starts       int64 [batch, time], or null: the first token of each token's document
//   out          bf16 [batch, time, heads, HEAD_DIM], contiguous
//   lse          fp32 [batch, heads, time]: logarithm of the sum of the exponentials of the scores
//   shared       heads that share one of k and v
//   scale        factor of the scores, positive
//
// Launch: grid (batch * heads; time / QUERIES, rounded up), THREADS threads, window_attention_bytes of
// dynamic shared memory.
constexpr int ROWS = 64;                            // queries of a group of 4 warps
constexpr int GROUPS = HEAD_DIM == 64 ? 1 : 3;      // of a block
constexpr int BLOCKS = HEAD_DIM == 64 ? 4 : 1;      // of a multiprocessor
constexpr int KEYS = 64;                            // of a tile
constexpr int STAGES = HEAD_DIM == 64 ? 3 : 4;      // tiles in shared memory
constexpr int QUERIES = ROWS * GROUPS;
constexpr int THREADS = 128 * GROUPS;
static_assert(HEAD_DIM == 64 || HEAD_DIM == 128, "see above");

typedef Panels<QUERIES, HEAD_DIM> QueryPanels;
typedef Panels<KEYS, HEAD_DIM> KeyPanels;

constexpr int STAGE_BYTES = 2 * KeyPanels::BYTES;
extern "C" __device__ const int window_attention_bytes =
    QueryPanels::BYTES + STAGES * STAGE_BYTES;

// The logarithm of what weights may grow to before sums are scaled down.
constexpr float HEADROOM = 8.f;

#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
typedef float Scores[KEYS / 2];
typedef float Sums[HEAD_DIM / 2];
typedef unsigned Weights[KEYS / 16][4];

// The two queries of a thread.
struct Queries {
  int at[2], oldest[2];  // and the oldest key that each sees
  float most[2], total[2];
};

__device__ __forceinline__ void score(Scores& s, QueryPanels q, int row, KeyPanels k) {
#pragma unroll
  for (int d = 0; d < HEAD_DIM; d += 16) multiply(s, q.along_rows(row, d), k.along_rows(0, d), d);
}

__device__ __forceinline__ void add(Sums& sums, const Weights& p, KeyPanels v) {
#pragma unroll
  for (int i = 0; i < KEYS / 16; i++) multiply(sums, p[i], v.across_rows(i * 16));
}

// Hides keys, of which the first is `first`.
__device__ __forceinline__ void hide(Scores& s, const Queries& query, int first) {
  int column = first + threadIdx.x % 4 * 2;
#pragma unroll
  for (int i = 0; i < KEYS / 2; i++) {
    int r = i / 2 % 2;
    int age = query.at[r] - (column + i / 4 * 8 + i % 2);
    if ((unsigned)age > (unsigned)(query.at[r] - query.oldest[r])) s[i] = __uint_as_float(0xff800000u);
  }
}

// Scores to exp(score - most); whether, and by what, sums are to be scaled down.
__device__ __forceinline__ bool soften(Scores& s, Queries& query, float factor, float (&shrink)[2]) {
  float most[2];
#pragma unroll
  for (int r = 0; r < 2; r++) {
    most[r] = s[2 * r];
#pragma unroll
    for (int i = 0; i < KEYS / 2; i++)
      if (i / 2 % 2 == r) most[r] = fmaxf(most[r], s[i]);
    most[r] = largest_of_quad(most[r]);
  }
  bool far = (most[0] - query.most[0]) * factor > HEADROOM || (most[1] - query.most[1]) * factor > HEADROOM;
  bool shrinks = __any_sync(0xffffffffu, far);
  if (shrinks) {
#pragma unroll
    for (int r = 0; r < 2; r++) {
      most[r] = fmaxf(most[r], query.most[r]);
      shrink[r] = exp2_fast((query.most[r] - most[r]) * factor);
      query.most[r] = most[r];
      query.total[r] *= shrink[r];
    }
  }
#pragma unroll
  for (int r = 0; r < 2; r++) {
    float offset = query.most[r] * factor;
#pragma unroll
    for (int i = 0; i < KEYS / 2; i++)
      if (i / 2 % 2 == r) s[i] = exp2_fast(s[i] * factor - offset);
    float even = 0.f, odd = 0.f;
#pragma unroll
    for (int i = 2 * r; i < KEYS / 2; i += 4) {
      even += s[i];
      odd += s[i + 1];
    }
    query.total[r] += even + odd;
  }
  return shrinks;
}

__device__ __forceinline__ void scale_down(Sums& sums, const float (&shrink)[2]) {
#pragma unroll
  for (int i = 0; i < HEAD_DIM / 2; i++) sums[i] *= shrink[i / 2 % 2];
}

extern "C" __global__ void __launch_bounds__(THREADS, BLOCKS) window_attention(
    const bf16* __restrict__ q, Long q_batch, Long q_time, Long q_head, const bf16* __restrict__ k,
    Long k_batch, Long k_time, Long k_head, const bf16* __restrict__ v, Long v_batch, Long v_time,
    Long v_head, const Long* __restrict__ starts, bf16* __restrict__ out, float* __restrict__ lse,
    int time, int heads, int shared, int window, float scale) {
  SharedAddress begin = panels_begin();
  QueryPanels queries = {begin};
  SharedAddress stages = begin + QueryPanels::BYTES;
  auto keys_of = [&](int slot) { return KeyPanels{stages + slot * STAGE_BYTES}; };
  auto values_of = [&](int slot) { return KeyPanels{stages + slot * STAGE_BYTES + KeyPanels::BYTES}; };

  // Of full attention the last queries have the most to do, so they come first.
  int from = (gridDim.y - 1 - blockIdx.y) * QUERIES;
  Long batch = blockIdx.x / heads, head = blockIdx.x % heads;
  q += batch * q_batch + from * q_time + head * q_head;
  k += batch * k_batch + head / shared * k_head;
  v += batch * v_batch + head / shared * v_head;
  if (starts) starts += batch * time;
  auto oldest = [&](int t) { return max(max(0, t - window + 1), starts ? (int)starts[t] : 0); };

  int group = uniform(threadIdx.x / 128);
  int lane = threadIdx.x % 32;
  int first = min(from + group * ROWS, time - 1), last = min(first + ROWS, time) - 1;
  int row = group * ROWS + threadIdx.x / 32 % 4 * 16 + lane / 4;
  int top = (min(from + QUERIES, time) - 1) / KEYS;
  int bottom = oldest(from) / KEYS;
  Queries query;
#pragma unroll
  for (int r = 0; r < 2; r++) {
    query.at[r] = min(from + row + 8 * r, time - 1);
    query.oldest[r] = oldest(query.at[r]);
    query.most[r] = __uint_as_float(0xff800000u);
    query.total[r] = 0.f;
  }
  int whole = oldest(last);  // from here to the first query a tile has no key to hide
  int my_top = last / KEYS, my_bottom = oldest(first) / KEYS;

  auto request = [&](int tile, int slot) {
    if (tile >= bottom) {
      Long key = (Long)tile * KEYS;
      keys_of(slot).load<THREADS>(k + key * k_time, k_time, time - tile * KEYS, threadIdx.x);
      values_of(slot).load<THREADS>(v + key * v_time, v_time, time - tile * KEYS, threadIdx.x);
    }
    copies_commit();
  };
  auto prepare = [&](Scores& s, int tile, float (&shrink)[2]) {
    if (tile * KEYS < whole || tile * KEYS + KEYS - 1 > first) hide(s, query, tile * KEYS);
    return soften(s, query, scale * LOG2_E, shrink);
  };

  Sums sums;
  Scores s;
  Weights p;
#pragma unroll
  for (int i = 0; i < HEAD_DIM / 2; i++) sums[i] = 0.f;
  queries.load<THREADS>(q, q_time, time - from, threadIdx.x);

  // Each round makes the scores of the tile before, and sums with the values of this one.
  for (int i = 0; i < STAGES - 2; i++) request(top - i, i);
  int next = 0, now = STAGES - 1;
  for (int tile = top + 1; tile >= bottom; tile--) {
    copies_wait<STAGES - 3>();
    publish();
    __syncthreads();
    request(tile - STAGES + 1, next >= 2 ? next - 2 : next + STAGES - 2);
    bool begun = tile <= my_top && tile >= my_bottom;
    if (tile - 1 <= my_top && tile - 1 >= my_bottom) {
      float shrink[2];
      bool shrinks;
      settle(s);
      settle(sums);
      products_begin();
      score(s, queries, group * ROWS, keys_of(next));
      products_commit();
      if (begun) {
        add(sums, p, values_of(now));
        products_commit();
        products_wait<1>();
        settle(s);
        shrinks = prepare(s, tile - 1, shrink);
        products_wait<0>();
        settle(sums);
        if (shrinks) scale_down(sums, shrink);
      } else {
        products_wait<0>();
        settle(s);
        prepare(s, tile - 1, shrink);
      }
      to_operands(p, s);
    } else if (begun) {
      settle(sums);
      products_begin();
      add(sums, p, values_of(now));
      products_commit();
      products_wait<0>();
      settle(sums);
    }
    now = next;
    next = next == STAGES - 1 ? 0 : next + 1;
  }

  // Through the shared memory of its own queries, when the group is done with them, each warp writes whole rows.
  team_meets<128>(8 + group);
#pragma unroll
  for (int r = 0; r < 2; r++) {
    float total = sum_quad(query.total[r]);
    int t = from + row + 8 * r;
    if (lane % 4 == 0 && t < time)
      lse[(batch * heads + head) * time + t] = (query.most[r] * scale * LOG2_E + log2f(total)) * LN_2;
    float share = reciprocal_fast(total);
#pragma unroll
    for (int n = 0; n < HEAD_DIM / 8; n++) {
      unsigned pair = pack_bf16(sums[4 * n + 2 * r] * share, sums[4 * n + 2 * r + 1] * share);
      store_shared(queries.at(row + 8 * r, n * 8 + lane % 4 * 2), pair);
    }
  }
  __syncwarp();
  constexpr int PIECES = HEAD_DIM / 8;
  int warp_row = row - lane / 4;
#pragma unroll
  for (int i = lane; i < 16 * PIECES; i += 32) {
    int to = warp_row + i / PIECES, column = i % PIECES * 8;
    uint4 piece = load_shared(queries.at(to, column));
    if (from + to < time)
      *reinterpret_cast<uint4*>(out + ((batch * time + from + to) * heads + head) * HEAD_DIM + column) = piece;
  }
}
#endif
