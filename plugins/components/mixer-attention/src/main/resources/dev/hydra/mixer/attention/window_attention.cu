// Causal attention to a window of keys, or to all before, with FlashAttention's running softmax (arXiv
// 2205.14135) and, as FlashAttention-3 (arXiv 2407.08608) has it, the scores of the next keys and the
// products with these values under way during the softmax.
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
#ifndef WARPGROUPS
#define WARPGROUPS 2
#endif
#ifndef KEYS
#define KEYS 128
#endif
#ifndef STAGES
#define STAGES 3
#endif
#ifndef BLOCKS
#define BLOCKS 1
#endif
#ifndef OVERLAP
#define OVERLAP 1
#endif
#ifndef EMULATE
#define EMULATE 0
#endif
#ifndef PINGPONG
#define PINGPONG 0
#endif
#ifndef CONSUMER_REGISTERS
#define CONSUMER_REGISTERS (WARPGROUPS == 2 ? 232 : 160)
#endif
#ifndef PRODUCER_REGISTERS
#define PRODUCER_REGISTERS (WARPGROUPS == 2 ? 40 : 32)
#endif
#define PRODUCER (OVERLAP == 2)

constexpr int ROWS = 64;  // queries of a group of 4 warps
constexpr int QUERIES = ROWS * WARPGROUPS;
constexpr int THREADS = 128 * (WARPGROUPS + PRODUCER);
static_assert(HEAD_DIM == 64 || HEAD_DIM == 128, "see above");

typedef Panels<QUERIES, HEAD_DIM> QueryPanels;
typedef Panels<KEYS, HEAD_DIM> KeyPanels;

constexpr int SLACK = 1024;  // what it may take to begin at a multiple of that
constexpr int STAGE_BYTES = 2 * KeyPanels::BYTES;
extern "C" __device__ const int window_attention_bytes =
    (WARPGROUPS == 1 ? 0 : SLACK) + QueryPanels::BYTES + STAGES * STAGE_BYTES + 3 * STAGES * 8 * PRODUCER;

// Scores grow by 2^SLACK_BITS at most before sums are scaled down.
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

// 2^x for x up to 100 within 1.1e-4 of it, 0 for what is below the least float, without the unit that exp2_fast waits for.
__device__ __forceinline__ float exp2_polynomial(float x) {
  x = fmaxf(x, -127.f);
  float whole = x + 12582912.f;  // 1.5 * 2^23: low bits are x, rounded
  float rest = x - (whole - 12582912.f);
  float power = fmaf(fmaf(fmaf(0.05500859f, rest, 0.24221038f), rest, 0.6932829f), rest, 1.f);
  return __int_as_float(__float_as_int(power) + (__float_as_int(whole) << 23));
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
    most[r] = fmaxf(most[r], exchange(most[r], 1));
    most[r] = fmaxf(most[r], exchange(most[r], 2));
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
      if (i / 2 % 2 == r) {
        float x = s[i] * factor - offset;
#if EMULATE
        s[i] = i / 4 % EMULATE == EMULATE - 1 ? exp2_polynomial(x) : exp2_fast(x);
#else
        s[i] = exp2_fast(x);
#endif
      }
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

__device__ __forceinline__ void as_operand(Weights& p, const Scores& s) {
#pragma unroll
  for (int i = 0; i < KEYS / 4; i++) p[i / 4][i % 4] = pack_bf16(s[2 * i], s[2 * i + 1]);
}

#if PRODUCER
__device__ __forceinline__ void begin_barrier(SharedAddress barrier, int arrivals) {
  asm volatile("mbarrier.init.shared.b64 [%0], %1;" ::"r"(barrier), "r"(arrivals) : "memory");
}
__device__ __forceinline__ void arrive(SharedAddress barrier) {
  asm volatile("mbarrier.arrive.shared.b64 _, [%0];" ::"r"(barrier) : "memory");
}
__device__ __forceinline__ void wait(SharedAddress barrier, int parity) {
  asm volatile(
      "{\n"
      ".reg .pred p;\n"
      "again:\n"
      "mbarrier.try_wait.parity.shared.b64 p, [%0], %1;\n"
      "@!p bra again;\n"
      "}" ::"r"(barrier),
      "r"(parity)
      : "memory");
}
template <int COUNT>
__device__ __forceinline__ void registers_up() {
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(COUNT));
}
template <int COUNT>
__device__ __forceinline__ void registers_down() {
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(COUNT));
}
__device__ __forceinline__ void my_turn(int group) {
#if PINGPONG
  asm volatile("bar.sync %0, 256;" ::"r"(1 + group) : "memory");
#endif
}
__device__ __forceinline__ void next_turn(int group) {
#if PINGPONG
  asm volatile("bar.arrive %0, 256;" ::"r"(1 + (group + 1) % WARPGROUPS) : "memory");
#endif
}
#endif

extern "C" __global__ void __launch_bounds__(THREADS, BLOCKS) window_attention(
    const bf16* __restrict__ q, Long q_batch, Long q_time, Long q_head, const bf16* __restrict__ k,
    Long k_batch, Long k_time, Long k_head, const bf16* __restrict__ v, Long v_batch, Long v_time,
    Long v_head, const Long* __restrict__ starts, bf16* __restrict__ out, float* __restrict__ lse,
    int time, int heads, int shared, int window, float scale) {
  SharedAddress begin = (shared_address(SHARED) + SLACK - 1) / SLACK * SLACK;
  if (WARPGROUPS == 1 && begin != shared_address(SHARED)) __trap();
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

  int group = __shfl_sync(0xffffffffu, threadIdx.x / 128, 0);
  int lane = threadIdx.x % 32;
  int first = min(from + group * ROWS, time - 1), last = min(first + ROWS, time) - 1;
  int row = group * ROWS + threadIdx.x / 32 % 4 * 16 + lane / 4;
  int top = min(from + QUERIES, time) - 1;
  top /= KEYS;
  int bottom = oldest(from) / KEYS;
#if PRODUCER
  SharedAddress barriers = stages + STAGES * STAGE_BYTES;
  auto keys_there = [&](int slot) { return barriers + slot * 8; };
  auto values_there = [&](int slot) { return barriers + (STAGES + slot) * 8; };
  auto taken = [&](int slot) { return barriers + (2 * STAGES + slot) * 8; };
  if (threadIdx.x == 0) {
    for (int i = 0; i < STAGES; i++) {
      begin_barrier(keys_there(i), 128);
      begin_barrier(values_there(i), 128);
      begin_barrier(taken(i), 4 * WARPGROUPS);
    }
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
  }
  __syncthreads();
  if (group == WARPGROUPS) {
    registers_down<PRODUCER_REGISTERS>();
    int worker = threadIdx.x % 128;
    queries.load<128>(q, q_time, time - from, worker);
    int slot = 0, parity = 1, before = -1;
    for (int tile = top; tile >= bottom; tile--) {
      Long key = (Long)tile * KEYS;
      wait(taken(slot), parity);
      keys_of(slot).load<128>(k + key * k_time, k_time, time - tile * KEYS, worker);
      copies_commit();
      if (before >= 0) {
        copies_wait<1>();
        publish();
        arrive(values_there(before));
      }
      values_of(slot).load<128>(v + key * v_time, v_time, time - tile * KEYS, worker);
      copies_commit();
      copies_wait<1>();
      publish();
      arrive(keys_there(slot));
      before = slot;
      if (++slot == STAGES) slot = 0, parity ^= 1;
    }
    copies_wait<0>();
    publish();
    arrive(values_there(before));
    return;
  }
  registers_up<CONSUMER_REGISTERS>();
#endif
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

#if !PRODUCER
  auto request = [&](int tile, int slot) {
    if (tile >= bottom) {
      Long key = (Long)tile * KEYS;
      keys_of(slot).load<THREADS>(k + key * k_time, k_time, time - tile * KEYS, threadIdx.x);
      values_of(slot).load<THREADS>(v + key * v_time, v_time, time - tile * KEYS, threadIdx.x);
    }
    copies_commit();
  };
#endif
  auto prepare = [&](Scores& s, int tile, float (&shrink)[2]) {
    if (tile * KEYS < whole || tile * KEYS + KEYS - 1 > first) hide(s, query, tile * KEYS);
    return soften(s, query, scale * LOG2_E, shrink);
  };

  Sums sums;
  Scores s;
  Weights p;
#pragma unroll
  for (int i = 0; i < HEAD_DIM / 2; i++) sums[i] = 0.f;
#if !PRODUCER
  queries.load<THREADS>(q, q_time, time - from, threadIdx.x);
#endif

#if PRODUCER
#if PINGPONG
  if (group == WARPGROUPS - 1) next_turn(group);
#endif
  int next = 0, next_parity = 0, now = STAGES - 1, now_parity = 1;
  for (int tile = top + 1; tile >= bottom; tile--) {
    bool begun = tile <= my_top && tile >= my_bottom;
    if (tile - 1 <= my_top && tile - 1 >= my_bottom) {
      float shrink[2];
      bool shrinks;
      wait(keys_there(next), next_parity);
      my_turn(group);
      settle(s);
      settle(sums);
      products_begin();
      score(s, queries, group * ROWS, keys_of(next));
      products_commit();
      if (begun) {
        wait(values_there(now), now_parity);
        add(sums, p, values_of(now));
        products_commit();
        next_turn(group);
        products_wait<1>();
        settle(s);
        shrinks = prepare(s, tile - 1, shrink);
        if (query.total[0] < 0.f || query.total[1] < 0.f) __trap();
        products_wait<0>();
        settle(sums);
        if (shrinks) scale_down(sums, shrink);
      } else {
        next_turn(group);
        products_wait<0>();
        settle(s);
        prepare(s, tile - 1, shrink);
      }
      as_operand(p, s);
    } else if (begun) {
      wait(values_there(now), now_parity);
      my_turn(group);
      settle(sums);
      products_begin();
      add(sums, p, values_of(now));
      products_commit();
      next_turn(group);
      products_wait<0>();
      settle(sums);
    } else {
      my_turn(group);
      next_turn(group);
    }
    if (tile <= top && lane == 0) arrive(taken(now));
    now = next;
    now_parity = next_parity;
    if (++next == STAGES) next = 0, next_parity ^= 1;
  }
#elif OVERLAP
  // Each round has the scores of the tile before, and the values of this one.
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
        if (query.total[0] < 0.f || query.total[1] < 0.f) __trap();
        products_wait<0>();
        settle(sums);
        if (shrinks) scale_down(sums, shrink);
      } else {
        products_wait<0>();
        settle(s);
        prepare(s, tile - 1, shrink);
      }
      as_operand(p, s);
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
#else
  for (int i = 0; i < STAGES - 1; i++) request(top - i, i);
  int slot = 0;
  for (int tile = top; tile >= bottom; tile--) {
    copies_wait<STAGES - 2>();
    publish();
    __syncthreads();
    request(tile - STAGES + 1, slot == 0 ? STAGES - 1 : slot - 1);
    if (tile <= my_top && tile >= my_bottom) {
      float shrink[2];
      settle(s);
      products_begin();
      score(s, queries, group * ROWS, keys_of(slot));
      products_commit();
      products_wait<0>();
      settle(s);
      if (prepare(s, tile, shrink)) scale_down(sums, shrink);
      as_operand(p, s);
      settle(sums);
      products_begin();
      add(sums, p, values_of(slot));
      products_commit();
      products_wait<0>();
      settle(sums);
    }
    slot = slot == STAGES - 1 ? 0 : slot + 1;
  }
#endif

  // Through the shared memory of its own queries, when the group is done with them, each warp writes whole rows.
  asm volatile("bar.sync %0, 128;" ::"r"(8 + group) : "memory");
#pragma unroll
  for (int r = 0; r < 2; r++) {
    float total = query.total[r];
    total += exchange(total, 1);
    total += exchange(total, 2);
    int t = from + row + 8 * r;
    if (lane % 4 == 0 && t < time)
      lse[(batch * heads + head) * time + t] = (query.most[r] * scale * LOG2_E + log2f(total)) * LN_2;
    float share = reciprocal_fast(total);
#pragma unroll
    for (int n = 0; n < HEAD_DIM / 8; n++) {
      unsigned pair = pack_bf16(sums[4 * n + 2 * r] * share, sums[4 * n + 2 * r + 1] * share);
      asm volatile("st.shared.u32 [%0], %1;" ::"r"(queries.at(row + 8 * r, n * 8 + lane % 4 * 2)), "r"(pair)
                   : "memory");
    }
  }
  __syncwarp();
  constexpr int PIECES = HEAD_DIM / 8;
  int warp_row = row - lane / 4;
#pragma unroll
  for (int i = lane; i < 16 * PIECES; i += 32) {
    int to = warp_row + i / PIECES, column = i % PIECES * 8;
    uint4 piece;
    asm volatile("ld.shared.v4.u32 {%0, %1, %2, %3}, [%4];"
                 : "=r"(piece.x), "=r"(piece.y), "=r"(piece.z), "=r"(piece.w)
                 : "r"(queries.at(to, column))
                 : "memory");
    if (from + to < time)
      *reinterpret_cast<uint4*>(out + ((batch * time + from + to) * heads + head) * HEAD_DIM + column) = piece;
  }
}
#endif
