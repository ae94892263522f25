// The states between chunks in one walk over time: what ssd_states.cu says, without what chunks add going to memory and
// back: sums stay in float32. Only where four warps issue products together; else there are no such kernels.
//
// A block carries 64 channels by COLUMNS states of a head on, in registers; a team of four warps has 64 of the states.
// One team more copies the tiles of chunks, some chunks ahead, and weighs v where it lies, while the others multiply.
#if WIDE
#define WALK_PARAMETERS                                                                                    \
  const Element* v, Long v_batch, Long v_time, Long v_head, const Element* k, Long k_batch, Long k_time,   \
  Long k_group, const float* weight, const float* total, const float* initial, float* last,                \
  Element* states, Long time, Long chunks, Long shared, Long backward
#define WALK_ARGUMENTS                                                                                     \
  v, v_batch, v_time, v_head, k, k_batch, k_time, k_group, weight, total, initial, last, states, time,     \
  chunks, shared, backward

namespace walk {
constexpr int TEAM = 128;
static_assert(PT == 64, "the channels of a block");

// Barriers of a block, beside that of all its threads: that of the team which copies, and for each stage one when it is
// full and one when it is empty again, in which all take part.
constexpr int COPIED = 1;
constexpr int FIRST_OF_STAGES = 2;
constexpr int BARRIERS = 16;

__device__ __forceinline__ unsigned weighed(unsigned two, float weight) {
  return pack_bf16(low_bf16(two) * weight, high_bf16(two) * weight);
}

// Writes eight neighbouring elements of a token times its weight.
__device__ __forceinline__ void store_weighed(SharedAddress at, uint4 r, float weight) {
  asm volatile("st.shared.v4.u32 [%0], {%1, %2, %3, %4};" ::"r"(at), "r"(weighed(r.x, weight)),
               "r"(weighed(r.y, weight)), "r"(weighed(r.z, weight)), "r"(weighed(r.w, weight))
               : "memory");
}

template <int COLUMNS, int STAGES>
struct Walk {
  static constexpr int TEAMS = COLUMNS / 64;
  static constexpr int WORKERS = (TEAMS + 1) * TEAM;
  typedef WideTile<Q, 64> Values;
  typedef WideTile<Q, COLUMNS> Keys;
  static constexpr int WEIGHTS = Values::BYTES + Keys::BYTES;  // where they begin in a stage
  static constexpr int STAGE = WEIGHTS + 1024;
  static constexpr int BYTES = SLACK + STAGES * STAGE;
  static constexpr int FULL = FIRST_OF_STAGES;
  static constexpr int EMPTY = FULL + STAGES;
  static_assert(EMPTY + STAGES <= BARRIERS, "as many as there are");

  // v and k begin with what is the block's of the first token, weight with that of its head; `count` chunks.
  __device__ __forceinline__ static void copy(
      char* base, const Element* v, Long v_time, const Element* k, Long k_time, const float* weight, Long time, int count,
      bool backward) {
    int worker = threadIdx.x - TEAMS * TEAM;
    constexpr int APART = TEAM / 8;  // rows between the pieces of v that are a thread's
    constexpr int PIECES = Q / APART;
    auto fetch = [&](int i) {
      if (i < count) {
        if (i >= STAGES) team_meets<WORKERS>(EMPTY + i % STAGES);
        Long from = (Long)(backward ? count - 1 - i : i) * Q;
        int valid = time - from < Q ? (int)(time - from) : Q;
        char* to = base + i % STAGES * STAGE;
        Values(to).template load<TEAM>(v + from * v_time, v_time, valid, worker);
        Keys(to + Values::BYTES).template load<TEAM>(k + from * k_time, k_time, valid, worker);
        load_values<Q>(to + WEIGHTS, weight + from, worker);
      }
      copies_commit();
    };
#pragma unroll 1
    for (int i = 0; i < STAGES - 1; i++) fetch(i);
    for (int i = 0; i < count; i++) {
      copies_wait<STAGES - 2>();
      team_meets<TEAM>(COPIED);  // v is the thread's own, weights are others'
      char* stage = base + i % STAGES * STAGE;
      const float* weights = (const float*)(stage + WEIGHTS) + worker / 8;
      SharedAddress own = Values(stage).at(worker / 8, worker % 8 * 8);
      uint4 pieces[PIECES];
      float factors[PIECES];
#pragma unroll
      for (int j = 0; j < PIECES; j++) {
        pieces[j] = load_shared(own + j * APART * 128);
        factors[j] = weights[j * APART];
      }
#pragma unroll
      for (int j = 0; j < PIECES; j++) store_weighed(own + j * APART * 128, pieces[j], factors[j]);
      publish();
      team_arrives<WORKERS>(FULL + i % STAGES);
      fetch(i + STAGES - 1);
    }
  }

  // All of it begins where the thread does; `pass` and `pitch` lead on to the next chunk.
  __device__ __forceinline__ static void carry(
      char* base, const float* total, Long pass, const float* initial, float* last, Element* states, Long pitch,
      int column, int count) {
    int lane = threadIdx.x & 31;
    int t2 = 2 * (lane & 3);
    Sums sum[4] = {};
    if (initial != nullptr) {
#pragma unroll
      for (int n = 0; n < 8; n++) {
#pragma unroll
        for (int e = 0; e < 4; e++) sum[n / 2][n % 2][e] = initial[t2 + e / 2 * 8 * N + 8 * n + e % 2];
      }
    }
    float next = *total;
    for (int i = 0; i < count; i++) {
      float decay = next;
      if (i + 1 < count) next = *(total += pass);
      team_meets<WORKERS>(FULL + i % STAGES);
      char* stage = base + i % STAGES * STAGE;
      Values values(stage);
      Keys keys(stage + Values::BYTES);
      Sums added[4];
      products_begin();
#pragma unroll
      for (int t = 0; t < Q; t += 16) {
        multiply<true, true>(flat(added), values.across_rows(t), keys.across_rows(t, column), t > 0);
      }
      products_commit();
      store_row<4>(states, sum, 0, true, lane);
      store_row<4>(states + 8 * N, sum, 1, true, lane);
      states += pitch;
#pragma unroll
      for (int n = 0; n < 8; n++) {
#pragma unroll
        for (int e = 0; e < 4; e++) sum[n / 2][n % 2][e] *= decay;
      }
      products_wait<0>();
      settle(flat(added));
      if (i + STAGES < count) team_arrives<WORKERS>(EMPTY + i % STAGES);
#pragma unroll
      for (int n = 0; n < 8; n++) {
#pragma unroll
        for (int e = 0; e < 4; e++) sum[n / 2][n % 2][e] += added[n / 2][n % 2][e];
      }
    }
    if (last != nullptr) {
#pragma unroll
      for (int n = 0; n < 8; n++) {
#pragma unroll
        for (int e = 0; e < 4; e++) last[t2 + e / 2 * 8 * N + 8 * n + e % 2] = sum[n / 2][n % 2][e];
      }
    }
  }

  __device__ __forceinline__ static void run(WALK_PARAMETERS) {
    wait_for_prerequisites();
    int lane = threadIdx.x & 31;
    int warp = uniform(threadIdx.x >> 5);
    Long heads = gridDim.y;
    Long head = blockIdx.y;
    Long row = blockIdx.z;
    Long of_all = row * heads + head;
    int p0 = blockIdx.x % P_TILES * 64;
    int n0 = blockIdx.x / P_TILES * COLUMNS;
    char* base = begin_panels(SHARED);
    if (warp >= TEAMS * 4) {
      copy(base, v + row * v_batch + head * v_head + p0, v_time, k + row * k_batch + head / shared * k_group + n0,
           k_time, weight + of_all * chunks * Q, time, (int)chunks, backward);
    } else {
      int column = warp / 4 * 64;
      Long own = (of_all * P + p0 + warp % 4 * 16 + (lane >> 2)) * N + n0 + column;
      Long pitch = heads * P * N;
      Long first = backward ? chunks - 1 : 0;
      Long pass = backward ? -1 : 1;
      carry(base, total + of_all * chunks + first, pass, initial == nullptr ? nullptr : initial + own,
            last == nullptr ? nullptr : last + own, states + own + (row * (chunks - 1) + first) * pitch, pass * pitch,
            column, (int)chunks);
    }
  }
};

// As many stages as a multiprocessor has room for.
typedef Walk<64, 6> Narrow;
typedef Walk<128, 4> Broad;
}  // namespace walk
extern "C" __device__ const int ssd_walk_64_bytes = walk::Narrow::BYTES;
extern "C" __device__ const int ssd_walk_64_waits = 1;

// Launch: grid (P_TILES * N / COLUMNS, heads, batch), Walk::WORKERS threads, dynamic shared memory Walk::BYTES.
//
//   v, k, weight, states, shared             as in ssd_chunk_states
//   total, initial, last, chunks, backward   as in ssd_pass_states
extern "C" __global__ void __launch_bounds__(walk::Narrow::WORKERS, 1) ssd_walk_64(WALK_PARAMETERS) {
  walk::Narrow::run(WALK_ARGUMENTS);
}

#if STATE % 128 == 0
extern "C" __device__ const int ssd_walk_128_bytes = walk::Broad::BYTES;
extern "C" __device__ const int ssd_walk_128_waits = 1;

extern "C" __global__ void __launch_bounds__(walk::Broad::WORKERS, 1) ssd_walk_128(WALK_PARAMETERS) {
  walk::Broad::run(WALK_ARGUMENTS);
}
#endif
#endif
