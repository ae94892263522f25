// Gradients of causal attention to a window of keys, or to all keys before, with products that four
// warps issue together (wgmma, sm_90a). With p = exp(scale q k - lse) of the whole attention and
// delta = rowsum(dout out), ds = p (dout v - delta): dv = p^T dout, dk = scale ds^T q, dq = scale ds k
// (FlashAttention, arXiv 2205.14135, appendix B.2). Blocks of keys sum over queries, blocks of queries
// over keys: scores are reckoned twice, but no sum needs atomics, so bits are the same each time.
//
// Compile-time options (-D): HEAD_DIM, 64 or 128.
//
//   q, dout, dq  bf16 [batch, time, heads, HEAD_DIM] with strides
//   k, v, dk, dv bf16 [batch, time, kvHeads, HEAD_DIM] with strides; `shared` heads of q to each of k
//   lse          fp32 [batch, heads, time]: log of the sum of exp(score)
//   level, delta fp32 [batch, heads, padded]: lse / ln 2, infinite where there is no query; see above
//   first        int32 [batch, padded]: the oldest key that a query sees; does not fall within a row
// `padded` is `time` rounded up to a multiple of OWN. Rows begin at multiples of 16 bytes.
typedef long long Long;
typedef unsigned long long Descriptor;

constexpr int TILE = 64;               // rows of the tiles that pass by, and of a warpgroup's own
constexpr int GROUPS = 2;              // warpgroups of a block
constexpr int OWN = GROUPS * TILE;     // rows of a block
constexpr int THREADS = GROUPS * 128;
constexpr int STEPS = HEAD_DIM / 16;   // of products along the head
constexpr int PANELS = HEAD_DIM / 64;
constexpr int PANEL_BYTES = TILE * 128;
constexpr int TILE_BYTES = PANELS * PANEL_BYTES;
constexpr int STATISTICS_BYTES = 3 * TILE * 4;
constexpr int SLACK = 1024;  // what it may take to begin at a multiple of that
static_assert(HEAD_DIM == 64 || HEAD_DIM == 128, "see above");

// Where an element of a tile is: panels of 64 columns, 128 bytes a row, whose pieces of 16 bytes are
// permuted by the row (the "128-byte swizzle"), so that neither rows nor columns meet in a bank.
__device__ __forceinline__ unsigned place(int row, int column) {
  return column / 64 * PANEL_BYTES + row * 128 + (((column >> 3 ^ row) & 7) << 4) + (column & 7) * 2;
}

// Begins to fill a tile with rows; those from `valid` on become zeros.
template <int WORKERS>
__device__ __forceinline__ void load_tile(
    unsigned to, const bf16* from, Long stride, int valid, int worker) {
  constexpr int PIECES = HEAD_DIM / 8;
  int row = worker / PIECES, column = worker % PIECES * 8;
  to += place(row, column);
  from += row * stride + column;
#pragma unroll
  for (int k = 0; k < TILE * PIECES / WORKERS; k++) {
    constexpr int ROWS = WORKERS / PIECES;
    static_assert(ROWS % 8 == 0, "the same permutation");
    bool some = row + k * ROWS < valid;
    copy_async(to + k * ROWS * 128, from + k * ROWS * stride, some);
  }
}

// A value that all threads of the warp have, for the registers that a warp has once.
__device__ __forceinline__ int uniform(int value) { return __shfl_sync(0xffffffffu, value, 0); }

// A tile as products name it: where it is in units of 16 bytes, and 8 rows to 1024 bytes, permuted.
__device__ __forceinline__ Descriptor describe(unsigned from) {
  return (Descriptor)0x40000040 << 32 | (from / 16 + 0x10000);
}

// 64 rows of a tile, 16 columns from `column` on: depth along rows.
__device__ __forceinline__ Descriptor along_rows(unsigned tile, int column) {
  return describe(tile + column / 64 * PANEL_BYTES + column % 64 * 2);
}

// 16 rows of a tile from `row` on, the 64 columns of a panel: depth across rows.
__device__ __forceinline__ Descriptor across_rows(unsigned tile, int row, int panel) {
  return describe(tile + panel * PANEL_BYTES + row * 128);
}

template <int VALUE>
struct Number {
  static constexpr int value = VALUE;
};

// Sums of 64 x 64 in a warpgroup: a thread has 4 of each 8 columns, two in a row and two 8 rows below.
typedef float Sums[32];
// The left operand of a product 16 deep.
typedef unsigned Operand[4];

#define ALL_SUMS                                                                           \
  "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, " \
  "%19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31}"
#define FOUR_OF(d, i) "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3])
#define SUMS_OF(d)                                                                     \
  FOUR_OF(d, 0), FOUR_OF(d, 4), FOUR_OF(d, 8), FOUR_OF(d, 12), FOUR_OF(d, 16), FOUR_OF(d, 20), \
      FOUR_OF(d, 24), FOUR_OF(d, 28)

// d (+)= a b^T, both along rows of shared memory; `add` 0 to begin with zeros.
__device__ __forceinline__ void multiply_rows(Sums& d, Descriptor a, Descriptor b, int add) {
  asm volatile(
      "{\n"
      ".reg .pred p;\n"
      "setp.ne.b32 p, %34, 0;\n"
      "wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 " ALL_SUMS ", %32, %33, p, 1, 1, 0, 0;\n"
      "}"
      : SUMS_OF(d)
      : "l"(a), "l"(b), "r"(add));
}

// The same for a in registers.
__device__ __forceinline__ void multiply_rows(Sums& d, const Operand& a, Descriptor b, int add) {
  asm volatile(
      "{\n"
      ".reg .pred p;\n"
      "setp.ne.b32 p, %37, 0;\n"
      "wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 " ALL_SUMS
      ", {%32, %33, %34, %35}, %36, p, 1, 1, 0;\n"
      "}"
      : SUMS_OF(d)
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "r"(add));
}

// d += a b, a in registers, b across rows of shared memory.
__device__ __forceinline__ void multiply_across(Sums& d, const Operand& a, Descriptor b) {
  asm volatile(
      "wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 " ALL_SUMS
      ", {%32, %33, %34, %35}, %36, 1, 1, 1, 1;\n"
      : SUMS_OF(d)
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b));
}

__device__ __forceinline__ void products_begin() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }

__device__ __forceinline__ void products_commit() {
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}

// Waits until all but the latest PENDING groups of products are done.
template <int PENDING>
__device__ __forceinline__ void products_wait() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(PENDING) : "memory");
}

// What follows is not done before what precedes, as far as these values go.
__device__ __forceinline__ void settle(Sums& d) {
#pragma unroll
  for (int i = 0; i < 32; i++) asm volatile("" : "+f"(d[i])::"memory");
}

__device__ __forceinline__ void clear(Sums& d) {
#pragma unroll
  for (int i = 0; i < 32; i++) d[i] = 0.f;
}

// What this thread wrote to shared memory is there for products after the next barrier.
__device__ __forceinline__ void publish() { asm volatile("fence.proxy.async.shared::cta;" ::: "memory"); }

// A warpgroup's own 64 rows: in registers if there is room for them.
struct InRegisters {
  Operand at[STEPS];

  __device__ __forceinline__ void take(unsigned tile, int warp, int lane) {
#pragma unroll
    for (int s = 0; s < STEPS; s++)
      asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                   : "=r"(at[s][0]), "=r"(at[s][1]), "=r"(at[s][2]), "=r"(at[s][3])
                   : "r"(tile + place(warp * 16 + lane % 16, s * 16 + lane / 16 * 8))
                   : "memory");
  }

  __device__ __forceinline__ const Operand& part(int step) const { return at[step]; }
};

struct InMemory {
  unsigned tile;

  __device__ __forceinline__ void take(unsigned from, int, int) { tile = from; }

  __device__ __forceinline__ Descriptor part(int step) const { return along_rows(tile, step * 16); }
};

template <bool SMALL>
struct OwnRows {
  typedef InMemory type;
};
template <>
struct OwnRows<true> {
  typedef InRegisters type;
};
typedef OwnRows<HEAD_DIM == 64>::type Own;

// d = own tile^T
__device__ __forceinline__ void begin_product(Sums& d, const Own& own, unsigned tile) {
#pragma unroll
  for (int s = 0; s < STEPS; s++) multiply_rows(d, own.part(s), along_rows(tile, s * 16), s > 0);
}

// d += a tile
__device__ __forceinline__ void begin_sum(Sums (&d)[PANELS], const Operand (&a)[4], unsigned tile) {
#pragma unroll
  for (int p = 0; p < PANELS; p++)
#pragma unroll
    for (int s = 0; s < 4; s++) multiply_across(d[p], a[s], across_rows(tile, s * 16, p));
}

// Sums as left operands: their places are the same.
__device__ __forceinline__ void round_to(Operand (&a)[4], const Sums& d) {
#pragma unroll
  for (int s = 0; s < 4; s++)
#pragma unroll
    for (int i = 0; i < 4; i++) a[s][i] = pack_bf16(d[s * 8 + i * 2], d[s * 8 + i * 2 + 1]);
}

__device__ __forceinline__ float2 pair_at(unsigned address) {
  float2 pair;
  asm volatile("ld.shared.v2.f32 {%0, %1}, [%2];" : "=f"(pair.x), "=f"(pair.y) : "r"(address) : "memory");
  return pair;
}

__device__ __forceinline__ int2 integers_at(unsigned address) {
  int2 pair;
  asm volatile("ld.shared.v2.s32 {%0, %1}, [%2];" : "=r"(pair.x), "=r"(pair.y) : "r"(address) : "memory");
  return pair;
}

// Writes a warpgroup's rows, times a factor.
__device__ __forceinline__ void store_rows(
    bf16* to, Long stride, int valid, const Sums (&d)[PANELS], float factor, int warp, int lane) {
#pragma unroll
  for (int r = 0; r < 2; r++) {
    int row = warp * 16 + lane / 4 + 8 * r;
    if (row < valid) {
#pragma unroll
      for (int p = 0; p < PANELS; p++)
#pragma unroll
        for (int j = 0; j < 8; j++)
          *reinterpret_cast<unsigned*>(to + row * stride + p * 64 + j * 8 + lane % 4 * 2) =
              pack_bf16(d[p][j * 4 + r * 2] * factor, d[p][j * 4 + r * 2 + 1] * factor);
    }
  }
}

// Where the warps of a block wait until all have come so far. A warp that comes goes on; phases are
// counted from 0, and none may come twice before it has waited for the one before.
struct Gate {
  unsigned at;

  __device__ __forceinline__ void open() const {
    asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(at), "r"(THREADS / 32) : "memory");
  }

  __device__ __forceinline__ void come(int lane) const {
    __syncwarp();
    if (lane == 0) asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(at) : "memory");
  }

  __device__ __forceinline__ void wait(int phase) const {
    asm volatile(
        "{\n"
        ".reg .pred p;\n"
        "again:\n"
        "mbarrier.try_wait.parity.shared::cta.b64 p, [%0], %1;\n"
        "@!p bra again;\n"
        "}" ::"r"(at),
        "r"(phase & 1)
        : "memory");
  }
};

// Shared memory of a block: its own tiles, and stages of two tiles and of what is known of their queries.
template <int STAGES>
struct Memory {
  static constexpr int BYTES =
      SLACK + (2 * GROUPS + 2 * STAGES) * TILE_BYTES + STAGES * STATISTICS_BYTES + 16;
  unsigned base;

  __device__ __forceinline__ Memory() {
    unsigned at = (unsigned)__cvta_generic_to_shared(SHARED);
    base = uniform((at + SLACK - 1) / SLACK * SLACK);
  }

  __device__ __forceinline__ unsigned own(int which, int group) const {
    return base + (which * GROUPS + group) * TILE_BYTES;
  }

  __device__ __forceinline__ unsigned stage(int number, int which) const {
    return base + (2 * GROUPS + number * 2 + which) * TILE_BYTES;
  }

  __device__ __forceinline__ unsigned statistics(int stage, int which) const {
    return base + (2 * GROUPS + 2 * STAGES) * TILE_BYTES + stage * STATISTICS_BYTES + which * TILE * 4;
  }

  __device__ __forceinline__ Gate gate(int which) const { return Gate{statistics(STAGES, 0) + which * 8}; }

  static __device__ __forceinline__ int following(int stage) { return stage + 1 == STAGES ? 0 : stage + 1; }
};

// What the other two need of each query.
//
// Launch: grid (heads * batch, padded / OWN), THREADS. starts: int32 or, if wide_starts, int64
// [batch, time], the first token of each token's document; or null.
extern "C" __global__ void __launch_bounds__(THREADS) window_backward_rows(
    const bf16* __restrict__ out, Long out_batch, Long out_time, Long out_head,
    const bf16* __restrict__ dout, Long dout_batch, Long dout_time, Long dout_head,
    const float* __restrict__ lse, const void* __restrict__ starts, int wide_starts,
    float* __restrict__ level, float* __restrict__ delta, int* __restrict__ first, int time, int heads,
    int window) {
  constexpr int PIECES = HEAD_DIM / 8, ROWS = THREADS / PIECES;
  Long batch = blockIdx.x / heads, head = blockIdx.x % heads;
  int begin = blockIdx.y * OWN, padded = gridDim.y * OWN, part = threadIdx.x % PIECES;
  out += batch * out_batch + head * out_head + part * 8;
  dout += batch * dout_batch + head * dout_head + part * 8;
  Vector<bf16, 8> given[OWN / ROWS], arriving[OWN / ROWS];
#pragma unroll
  for (int k = 0; k < OWN / ROWS; k++) {
    int t = begin + k * ROWS + threadIdx.x / PIECES;
    if (t < time) {
      given[k] = load<8>(out + t * out_time);
      arriving[k] = load<8>(dout + t * dout_time);
    }
  }
#pragma unroll
  for (int k = 0; k < OWN / ROWS; k++) {
    int t = begin + k * ROWS + threadIdx.x / PIECES;
    float sum = 0.f;
    if (t < time) {
      float a[8], b[8];
      given[k].unpack(a);
      arriving[k].unpack(b);
#pragma unroll
      for (int i = 0; i < 8; i++) sum += a[i] * b[i];
    }
#pragma unroll
    for (int mask = 1; mask < PIECES; mask *= 2) sum += exchange(sum, mask);
    if (part == 0) {
      Long row = batch * heads + head;
      level[row * padded + t] = t < time ? lse[row * time + t] * LOG2_E : __int_as_float(0x7f800000);
      delta[row * padded + t] = sum;
    }
  }
  int t = begin + threadIdx.x;
  if (head == 0 && threadIdx.x < OWN) {
    Long from = batch * time + min(t, time - 1);
    int document = 0;
    if (starts != nullptr) {
      document = wide_starts ? (int)static_cast<const Long*>(starts)[from]
                             : static_cast<const int*>(starts)[from];
    }
    first[batch * padded + t] = max(document, t - window + 1);
  }
}

// Tiles are loaded so many ahead of the one whose scores are made. Two more are still read: by the
// other warpgroup, which may be behind by almost a tile, and so that the two take turns on the tensor
// cores, the last one but one.
constexpr int KEYS_AHEAD = HEAD_DIM == 64 ? 3 : 2;
constexpr int KEY_STAGES = KEYS_AHEAD + 2;

// Launch: grid (kvHeads * batch, padded / OWN), THREADS. Blocks of old keys, which more queries see, first.
extern "C" __device__ const int window_backward_keys_bytes = Memory<KEY_STAGES>::BYTES;
extern "C" __global__ void __launch_bounds__(THREADS, 1) window_backward_keys(
    const bf16* __restrict__ q, Long q_batch, Long q_time, Long q_head, const bf16* __restrict__ k,
    Long k_batch, Long k_time, Long k_head, const bf16* __restrict__ v, Long v_batch, Long v_time,
    Long v_head, const bf16* __restrict__ dout, Long dout_batch, Long dout_time, Long dout_head,
    const float* __restrict__ level, const float* __restrict__ delta, const int* __restrict__ first,
    bf16* __restrict__ dk, Long dk_batch, Long dk_time, Long dk_head, bf16* __restrict__ dv,
    Long dv_batch, Long dv_time, Long dv_head, int time, int heads, int shared, float scale) {
  Memory<KEY_STAGES> memory;
  int worker = threadIdx.x, group = uniform(worker / 128), warp = worker / 32 % 4, lane = worker % 32;
  int kv_heads = heads / shared, padded = gridDim.y * OWN;
  Long batch = blockIdx.x / kv_heads, kv_head = blockIdx.x % kv_heads;
  int block = blockIdx.y * OWN, mine = block + group * TILE;
  first += batch * padded;
  q += batch * q_batch + kv_head * shared * q_head;
  dout += batch * dout_batch + kv_head * shared * dout_head;
  level += (batch * heads + kv_head * shared) * padded;
  delta += (batch * heads + kv_head * shared) * padded;

  auto load_queries = [&](int stage, int head, int from) {
    load_tile<THREADS>(memory.stage(stage, 0), q + head * q_head + from * q_time, q_time, time - from, worker);
    load_tile<THREADS>(
        memory.stage(stage, 1), dout + head * dout_head + from * dout_time, dout_time, time - from, worker);
    if (worker < 48) {
      int which = worker / 16, piece = worker % 16 * 4;
      const void* source = which == 2   ? (const void*)(first + from + piece)
                           : which == 1 ? (const void*)(delta + (Long)head * padded + from + piece)
                                        : (const void*)(level + (Long)head * padded + from + piece);
      copy_async(memory.statistics(stage, which) + piece * 4, source, true);
    }
  };
  Gate come = memory.gate(0), read = memory.gate(1);
  if (worker == 0) come.open(), read.open();

#pragma unroll
  for (int g = 0; g < GROUPS; g++) {
    int from = block + g * TILE;
    if (from < time) {
      load_tile<THREADS>(
          memory.own(0, g), k + batch * k_batch + kv_head * k_head + from * k_time, k_time, time - from, worker);
      load_tile<THREADS>(
          memory.own(1, g), v + batch * v_batch + kv_head * v_head + from * v_time, v_time, time - from, worker);
    }
  }
  load_queries(0, 0, block);
  copies_commit();

  // The tiles of queries that see any of the keys.
  int tiles = 0, found = THREADS;
  for (int tile = block / TILE + worker; found == THREADS; tile += THREADS) {
    found = __syncthreads_count(tile * TILE < time && first[tile * TILE] < block + OWN);
    tiles += found;
  }
  tiles = uniform(tiles);
  int count = tiles * shared;
  int ahead = 1, ahead_head = 0, ahead_stage = 1;  // what is loaded next
  auto load_next = [&](int i) {
    if (ahead == tiles) ahead = 0, ahead_head++;
    if (i < count) load_queries(ahead_stage, ahead_head, block + ahead * TILE);
    copies_commit();
    ahead++;
    ahead_stage = memory.following(ahead_stage);
  };
#pragma unroll
  for (int i = 1; i < KEYS_AHEAD; i++) load_next(i);

  copies_wait<KEYS_AHEAD - 1>();
  publish();
  __syncthreads();
  Own keys, values;
  keys.take(memory.own(0, group), warp, lane);
  values.take(memory.own(1, group), warp, lane);
  Sums of_keys[PANELS], of_values[PANELS], score, along;
  Operand p[4], ds[4];
#pragma unroll
  for (int i = 0; i < PANELS; i++) clear(of_keys[i]), clear(of_values[i]);

  auto begin_scores = [&](int stage) {
    begin_product(score, keys, memory.stage(stage, 0));
    products_commit();
    begin_product(along, values, memory.stage(stage, 1));
    products_commit();
  };
  auto begin_sums = [&](int stage) {
    begin_sum(of_values, p, memory.stage(stage, 1));
    products_commit();
    begin_sum(of_keys, ds, memory.stage(stage, 0));
    products_commit();
  };
  float steep = scale * LOG2_E;
  // Says that this warp's part of tile i + 1 is there.
  auto announce = [&] {
    copies_wait<KEYS_AHEAD - 2>();
    publish();
    come.come(lane);
  };
  // Makes p and ds of tile i, whose products were begun before LATER other groups of them.
  auto finish = [&](int i, int stage, int query, auto later) {
    constexpr int LATER = decltype(later)::value;
    unsigned levels = memory.statistics(stage, 0) + lane % 4 * 8, deltas = levels + TILE * 4;
    products_wait<LATER + 1>();
    settle(score);
#pragma unroll
    for (int j = 0; j < 8; j++) {
      float2 own = pair_at(levels + j * 32);
#pragma unroll
      for (int e = 0; e < 4; e++)
        score[j * 4 + e] = exp2_fast(score[j * 4 + e] * steep - (e % 2 ? own.y : own.x));
    }
    products_wait<LATER>();
    settle(along);
#pragma unroll
    for (int j = 0; j < 8; j++) {
      float2 own = pair_at(deltas + j * 32);
#pragma unroll
      for (int e = 0; e < 4; e++)
        along[j * 4 + e] = score[j * 4 + e] * (along[j * 4 + e] - (e % 2 ? own.y : own.x));
    }
    unsigned firsts = memory.statistics(stage, 2);
    if (query < mine + TILE - 1 || integers_at(firsts + (TILE - 2) * 4).y > mine) {
#pragma unroll
      for (int j = 0; j < 8; j++) {
        int2 oldest = integers_at(firsts + lane % 4 * 8 + j * 32);
#pragma unroll
        for (int e = 0; e < 4; e++) {
          int key = mine + warp * 16 + lane / 4 + e / 2 * 8;
          bool sees = key <= query + j * 8 + lane % 4 * 2 + e % 2 && key >= (e % 2 ? oldest.y : oldest.x);
          if (!sees) score[j * 4 + e] = along[j * 4 + e] = 0.f;
        }
      }
    }
    if (i > 0) read.wait(i - 1);
    load_next(i + KEYS_AHEAD);
    if (LATER > 0) products_wait<LATER - 1>();  // p of the last tile has been read
    settle(score);
    round_to(p, score);
    products_wait<0>();
    settle(along);
    round_to(ds, along);
    read.come(lane);
  };

  products_begin();
  begin_scores(0);
  announce();
  finish(0, 0, block, Number<0>());
  int tile = 0, stage = 0;
  for (int i = 1; i < count; i++) {
    int before = stage;
    stage = memory.following(stage);
    come.wait(i - 1);
    products_begin();
    begin_scores(stage);
    begin_sums(before);
    announce();
    if (++tile == tiles) tile = 0;
    finish(i, stage, block + tile * TILE, Number<2>());
  }
  products_begin();
  begin_sums(stage);
  products_wait<0>();
#pragma unroll
  for (int i = 0; i < PANELS; i++) settle(of_keys[i]), settle(of_values[i]);
  store_rows(
      dk + batch * dk_batch + kv_head * dk_head + mine * dk_time, dk_time, time - mine, of_keys, scale, warp, lane);
  store_rows(
      dv + batch * dv_batch + kv_head * dv_head + mine * dv_time, dv_time, time - mine, of_values, 1.f, warp, lane);
}

constexpr int QUERIES_AHEAD = HEAD_DIM == 64 ? 4 : 3;  // one more: scores are made ahead, too
constexpr int QUERY_STAGES = QUERIES_AHEAD + 2;

// Launch: grid (heads * batch, padded / OWN), THREADS. Blocks of late queries, which see more keys, first.
extern "C" __device__ const int window_backward_queries_bytes = Memory<QUERY_STAGES>::BYTES;
extern "C" __global__ void __launch_bounds__(THREADS, 1) window_backward_queries(
    const bf16* __restrict__ q, Long q_batch, Long q_time, Long q_head, const bf16* __restrict__ k,
    Long k_batch, Long k_time, Long k_head, const bf16* __restrict__ v, Long v_batch, Long v_time,
    Long v_head, const bf16* __restrict__ dout, Long dout_batch, Long dout_time, Long dout_head,
    const float* __restrict__ level, const float* __restrict__ delta, const int* __restrict__ first,
    bf16* __restrict__ dq, Long dq_batch, Long dq_time, Long dq_head, int time, int heads, int shared,
    float scale) {
  Memory<QUERY_STAGES> memory;
  int worker = threadIdx.x, group = uniform(worker / 128), warp = worker / 32 % 4, lane = worker % 32;
  int padded = gridDim.y * OWN;
  Long batch = blockIdx.x / heads, head = blockIdx.x % heads;
  int block = (gridDim.y - 1 - blockIdx.y) * OWN, mine = block + group * TILE;
  first += batch * padded;
  k += batch * k_batch + head / shared * k_head;
  v += batch * v_batch + head / shared * v_head;

  auto load_keys = [&](int stage, int from) {
    load_tile<THREADS>(memory.stage(stage, 0), k + from * k_time, k_time, time - from, worker);
    load_tile<THREADS>(memory.stage(stage, 1), v + from * v_time, v_time, time - from, worker);
  };
  Gate come = memory.gate(0), read = memory.gate(1);
  if (worker == 0) come.open(), read.open();

#pragma unroll
  for (int g = 0; g < GROUPS; g++) {
    int from = block + g * TILE;
    if (from < time) {
      load_tile<THREADS>(
          memory.own(0, g), q + batch * q_batch + head * q_head + from * q_time, q_time, time - from, worker);
      load_tile<THREADS>(
          memory.own(1, g), dout + batch * dout_batch + head * dout_head + from * dout_time, dout_time, time - from,
          worker);
    }
  }
  int key = max(first[block], 0) / TILE * TILE;
  int count = (min(block + OWN, time) - key + TILE - 1) / TILE;
  int ahead_stage = 0;
  auto load_next = [&](int i) {
    if (i < count) load_keys(ahead_stage, key + i * TILE);
    copies_commit();
    ahead_stage = memory.following(ahead_stage);
  };
#pragma unroll
  for (int i = 0; i < QUERIES_AHEAD; i++) load_next(i);

  float levels[2], deltas[2];
  int firsts[2];
#pragma unroll
  for (int r = 0; r < 2; r++) {
    int t = mine + warp * 16 + lane / 4 + 8 * r;
    levels[r] = level[(batch * heads + head) * padded + t];
    deltas[r] = delta[(batch * heads + head) * padded + t];
    firsts[r] = first[t];
  }
  int first_whole = first[mine + TILE - 1];  // the oldest key that all of the warpgroup's queries see

  copies_wait<QUERIES_AHEAD - 2>();
  publish();
  __syncthreads();
  Own queries, arriving;
  queries.take(memory.own(0, group), warp, lane);
  arriving.take(memory.own(1, group), warp, lane);
  Sums of_queries[PANELS], even, odd, along;
  Operand ds[4];
#pragma unroll
  for (int i = 0; i < PANELS; i++) clear(of_queries[i]);
  float steep = scale * LOG2_E;

  auto begin_scores = [&](Sums& score, int stage) {
    begin_product(score, queries, memory.stage(stage, 0));
    products_commit();
  };
  auto begin_along = [&](int stage) {
    begin_product(along, arriving, memory.stage(stage, 1));
    products_commit();
  };
  auto begin_sums = [&](int stage) {
    begin_sum(of_queries, ds, memory.stage(stage, 0));
    products_commit();
  };
  // Says that this warp's part of tile i + 2 is there.
  auto announce = [&] {
    copies_wait<QUERIES_AHEAD - 3>();
    publish();
    come.come(lane);
  };
  // Makes ds of tile i, of which `along` was begun before LATER other groups of products.
  auto finish = [&](Sums& score, int i, auto later) {
    constexpr int LATER = decltype(later)::value;
#pragma unroll
    for (int n = 0; n < 32; n++) score[n] = exp2_fast(score[n] * steep - levels[n / 2 % 2]);
    products_wait<LATER>();
    settle(along);
#pragma unroll
    for (int n = 0; n < 32; n++) along[n] = score[n] * (along[n] - deltas[n / 2 % 2]);
    int from = key + i * TILE;
    if (from + TILE - 1 > mine || from < first_whole) {
#pragma unroll
      for (int n = 0; n < 32; n++) {
        int at = from + n / 4 * 8 + lane % 4 * 2 + n % 2, r = n / 2 % 2;
        if (at > mine + warp * 16 + lane / 4 + 8 * r || at < firsts[r]) along[n] = 0.f;
      }
    }
    if (i > 0) read.wait(i - 1);
    load_next(i + QUERIES_AHEAD);
    if (LATER > 0) products_wait<LATER - 1>();  // ds of the last tile has been read
    settle(along);
    round_to(ds, along);
    read.come(lane);
  };
  int stage = 0;
  // Tile i of which scores are there, while those of the next are made and the last one
  // is summed.
  auto step = [&](Sums& score, Sums& next, int i) {
    int before = stage;
    stage = memory.following(stage);
    come.wait(i - 1);
    products_begin();
    begin_along(stage);
    begin_sums(before);
    begin_scores(next, memory.following(stage));
    announce();
    finish(score, i, Number<2>());
    products_wait<0>();
    settle(next);
  };

  products_begin();
  begin_scores(even, 0);
  begin_along(0);
  begin_scores(odd, 1);
  announce();
  products_wait<2>();
  settle(even);
  finish(even, 0, Number<1>());
  settle(odd);
  for (int i = 1; i < count; i += 2) {
    step(odd, even, i);
    if (i + 1 == count) break;
    step(even, odd, i + 1);
  }
  products_begin();
  begin_sums(stage);
  products_wait<0>();
#pragma unroll
  for (int i = 0; i < PANELS; i++) settle(of_queries[i]);
  store_rows(
      dq + batch * dq_batch + head * dq_head + mine * dq_time, dq_time, time - mine, of_queries, scale, warp, lane);
}
