// The states between chunks, in two steps: what each chunk adds, all chunks at once, then their sum over time.
//
//   forward   (v = x, k = B, weight = to_end):      states[z] = the state before chunk z
//   backward  (v = dy, k = C, weight = from_start): states[z] = the gradient of the state after chunk z
//
// First, in ssd_chunk_states, states[z] = sum over tokens t of z of weight[t] * v[t] k[t]^T. Then, in
// ssd_pass_states, with sum = initial, for each chunk z from the first to the last (backward: from the
// last to the first):
//   added = states[z];  states[z] = sum;  sum = total[z] * sum + added
// and last = sum. What a chunk adds is rounded to Element on the way, as states are; sums are float32.

namespace chunk_states {
#if WIDE
constexpr int STAGES = 3;
constexpr int AT_ONCE = 2;     // heads, each by four warps
constexpr int WORKERS = AT_ONCE * 128;
typedef WideTile<Q, PT> Values;
typedef WideTile<Q, NT> Keys;
constexpr int HEAD = Values::BYTES + 1024;
#else
constexpr int STAGES = 4;
constexpr int AT_ONCE = 1;
constexpr int HEIGHT = PT % 32 == 0 && PARTS == 1 ? 32 : 16;  // channels of a warp
constexpr int WIDTH = NT % 32 == 0 && NT > 64 ? 32 : 16;      // states of a warp
constexpr int P_WARPS = PT / HEIGHT;
constexpr int WORKERS = P_WARPS * (NT / WIDTH) * 32;
typedef Tile<Q, PT> Values;
typedef Tile<Q, NT> Keys;
constexpr int HEAD = Values::BYTES + Q * 4;
#endif
constexpr int STAGE = AT_ONCE * HEAD;
constexpr int BYTES = SLACK + Keys::BYTES + STAGES * STAGE;
}  // namespace chunk_states
extern "C" __device__ const int ssd_chunk_states_bytes = chunk_states::BYTES;
extern "C" __device__ const int ssd_chunk_states_waits = 1;

// A block takes one chunk and, in turn, heads of one group: k stays where it is over all of them.
//
// Launch: grid (chunks, groups * splits * P_TILES * N_TILES, batch), chunk_states::WORKERS threads,
// dynamic shared memory chunk_states::BYTES; split s of a group takes heads ceil(shared / splits) * s and on.
//
//   v        [batch, time, heads, HEAD_DIM], strides v_batch, v_time, v_head, 1
//   k        [batch, time, groups, STATE], strides k_batch, k_time, k_group, 1
//   weight   [batch, heads, padded time] from ssd_decay
//   states   [batch, chunks, heads, HEAD_DIM, STATE] Element
//   shared   heads per group
extern "C" __global__ void __launch_bounds__(chunk_states::WORKERS, 1) ssd_chunk_states(
    const Element* v, Long v_batch, Long v_time, Long v_head, const Element* k, Long k_batch,
    Long k_time, Long k_group, const float* weight, Element* states, Long time, Long heads,
    Long shared, Long splits) {
  wait_for_prerequisites();
  using namespace chunk_states;
  int thread = threadIdx.x;
  int lane = thread & 31;
  int warp = thread >> 5;
#if WIDE
  int own_head = uniform(warp / 4);  // of those at once
  int channel = warp % 4 * 16;
#else
  int channel = warp % P_WARPS * HEIGHT;
  int column = warp / P_WARPS * WIDTH;
#endif
  Long chunks = gridDim.x;
  Long chunk = blockIdx.x;
  Long row = blockIdx.z;
  int tile = blockIdx.y % (P_TILES * N_TILES);
  int p0 = tile % P_TILES * PT;
  int n0 = tile / P_TILES * NT;
  Long split = blockIdx.y / (P_TILES * N_TILES) % splits;
  Long group = blockIdx.y / (P_TILES * N_TILES) / splits;
  Long per_split = (shared + splits - 1) / splits;
  Long begin = group * shared + split * per_split;
  Long end = begin + per_split < (group + 1) * shared ? begin + per_split : (group + 1) * shared;
  Long from = chunk * Q;
  int valid = time - from < Q ? (int)(time - from) : Q;
  v += row * v_batch + from * v_time + begin * v_head + p0;
  weight += (row * heads + begin) * chunks * Q + from;
  int count = (int)(end - begin);
  char* base = begin_panels(SHARED);
  char* stages = base + Keys::BYTES;
  auto fetch = [&](int i) {
#pragma unroll
    for (int each = 0; each < AT_ONCE; each++) {
      int head = i * AT_ONCE + each;
      if (head < count) {
        char* to = stages + i % STAGES * STAGE + each * HEAD;
        Values(to).load<WORKERS>(v + head * v_head, v_time, valid, thread);
        load_values<Q>(to + Values::BYTES, weight + head * chunks * Q, thread);
      }
    }
    copies_commit();
  };

  Keys keys(base);
  keys.load<WORKERS>(k + row * k_batch + from * k_time + group * k_group + n0, k_time, valid, thread);
#pragma unroll
  for (int i = 0; i < STAGES - 1; i++) fetch(i);
  Element* to = states + (((row * chunks + chunk) * heads + begin) * P + p0 + channel + (lane >> 2)) * N + n0;
#if WIDE
  to += own_head * P * N;
  for (int i = 0; i * AT_ONCE < count; i++) {
    copies_wait<STAGES - 2>();
    wide_publish();
    __syncthreads();
    fetch(i + STAGES - 1);
    if (i * AT_ONCE + own_head < count) {
      char* stage = stages + i % STAGES * STAGE + own_head * HEAD;
      Values values(stage);
      const float* weights = (const float*)(stage + Values::BYTES) + 2 * (lane & 3);
      Operand left[Q / 16];
#pragma unroll
      for (int step = 0; step < Q / 16; step++) {
        values.a_transposed(left[step], 16 * step, channel, lane);
        const float* weight = weights + 16 * step;
        weigh(left[step], left[step], *(const float2*)weight, *(const float2*)(weight + 8));
      }
      Sums sum[NT / 64][4] = {};
      products_begin();
#pragma unroll
      for (int panel = 0; panel < NT / 64; panel++) {
#pragma unroll
        for (int step = 0; step < Q / 16; step++) {
          multiply(flat(sum[panel]), left[step].r[0], keys.across_rows(16 * step, 64 * panel), step > 0);
        }
      }
      products_end();
#pragma unroll
      for (int panel = 0; panel < NT / 64; panel++) {
        store_row<4>(to + 64 * panel, sum[panel], 0, true, lane);
        store_row<4>(to + 8 * N + 64 * panel, sum[panel], 1, true, lane);
      }
    }
    to += AT_ONCE * P * N;
  }
#else
  to += column;
  copies_wait<STAGES - 2>();
  __syncthreads();
  Operand right[Q / 16][WIDTH / 16];
#pragma unroll
  for (int step = 0; step < Q / 16; step++) {
#pragma unroll
    for (int n = 0; n < WIDTH / 16; n++) keys.b_transposed(right[step][n], 16 * step, column + 16 * n, lane);
  }
  for (int i = 0; i < count; i++) {
    copies_wait<STAGES - 2>();
    __syncthreads();
    fetch(i + STAGES - 1);
    char* stage = stages + i % STAGES * STAGE;
    Values values(stage);
    const float* weights = (const float*)(stage + Values::BYTES) + 2 * (lane & 3);
    Sums sum[HEIGHT / 16][WIDTH / 16] = {};
#pragma unroll
    for (int step = 0; step < Q / 16; step++) {
      float2 near = *(const float2*)(weights + 16 * step);
      float2 far = *(const float2*)(weights + 16 * step + 8);
#pragma unroll
      for (int p = 0; p < HEIGHT / 16; p++) {
        Operand left;
        values.a_transposed(left, 16 * step, channel + 16 * p, lane);
        weigh(left, left, near, far);
#pragma unroll
        for (int n = 0; n < WIDTH / 16; n++) multiply(sum[p][n], left, right[step][n]);
      }
    }
#pragma unroll
    for (int p = 0; p < HEIGHT / 16; p++) {
      store_row<WIDTH / 16>(to + 16 * p * N, sum[p], 0, true, lane);
      store_row<WIDTH / 16>(to + (16 * p + 8) * N, sum[p], 1, true, lane);
    }
    to += P * N;
  }
#endif
}

namespace pass_states {
constexpr int WORKERS = 64;
constexpr int AT_ONCE = 8;                     // chunks whose loads are under way
constexpr int LENGTH = 16 / sizeof(Element);   // elements of a thread

__device__ __forceinline__ void unpack(uint4 packed, float (&to)[LENGTH]) {
#if IN_FP32
  to[0] = __uint_as_float(packed.x); to[1] = __uint_as_float(packed.y);
  to[2] = __uint_as_float(packed.z); to[3] = __uint_as_float(packed.w);
#else
  to[0] = low_bf16(packed.x); to[1] = high_bf16(packed.x);
  to[2] = low_bf16(packed.y); to[3] = high_bf16(packed.y);
  to[4] = low_bf16(packed.z); to[5] = high_bf16(packed.z);
  to[6] = low_bf16(packed.w); to[7] = high_bf16(packed.w);
#endif
}

__device__ __forceinline__ uint4 pack(const float (&v)[LENGTH]) {
#if IN_FP32
  return make_uint4(__float_as_uint(v[0]), __float_as_uint(v[1]), __float_as_uint(v[2]), __float_as_uint(v[3]));
#else
  return make_uint4(
      pack_bf16(v[0], v[1]), pack_bf16(v[2], v[3]), pack_bf16(v[4], v[5]), pack_bf16(v[6], v[7]));
#endif
}
}  // namespace pass_states

extern "C" __device__ const int ssd_pass_states_waits = 1;

// Launch: grid (ceil(HEAD_DIM * STATE / (16 bytes of Element) / 64), heads, batch), 64 threads, no dynamic
// shared memory.
//
//   states   in: what chunks add, out: as above
//   total    [batch, heads, chunks] from ssd_decay
//   initial  [batch, heads, HEAD_DIM, STATE] fp32 or null: zeros
//   last     [batch, heads, HEAD_DIM, STATE] fp32 or null
//   backward 0 or 1
extern "C" __global__ void __launch_bounds__(pass_states::WORKERS) ssd_pass_states(
    Element* states, const float* total, const float* initial, float* last, Long chunks, Long backward) {
  wait_for_prerequisites();
  using namespace pass_states;
  int own = (blockIdx.x * WORKERS + threadIdx.x) * LENGTH;
  if (own >= P * N) return;
  Long heads = gridDim.y;
  Long head = blockIdx.y;
  Long row = blockIdx.z;
  Long state = (row * heads + head) * P * N + own;
  Long step = heads * P * N;
  Long pass = 1;
  states += (row * chunks * heads + head) * P * N + own;
  total += (row * heads + head) * chunks;
  if (backward) {
    states += (chunks - 1) * step;
    total += chunks - 1;
    step = -step;
    pass = -1;
  }
  float sum[LENGTH];
#pragma unroll
  for (int e = 0; e < LENGTH; e++) sum[e] = initial == nullptr ? 0.0f : initial[state + e];
  uint4 next[AT_ONCE];
  float next_decay[AT_ONCE];
  auto fetch = [&](Long z) {
#pragma unroll
    for (int i = 0; i < AT_ONCE; i++) {
      if (z + i < chunks) {
        next[i] = *(const uint4*)(states + (z + i) * step);
        next_decay[i] = total[(z + i) * pass];
      }
    }
  };
  fetch(0);
  for (Long z = 0; z < chunks; z += AT_ONCE) {
    uint4 now[AT_ONCE];
    float decay[AT_ONCE];
#pragma unroll
    for (int i = 0; i < AT_ONCE; i++) {
      now[i] = next[i];
      decay[i] = next_decay[i];
    }
    fetch(z + AT_ONCE);
#pragma unroll
    for (int i = 0; i < AT_ONCE; i++) {
      if (z + i < chunks) {
        *(uint4*)(states + (z + i) * step) = pack(sum);
        float added[LENGTH];
        unpack(now[i], added);
#pragma unroll
        for (int e = 0; e < LENGTH; e++) sum[e] = sum[e] * decay[i] + added[e];
      }
    }
  }
  if (last != nullptr) {
#pragma unroll
    for (int e = 0; e < LENGTH; e++) last[state + e] = sum[e];
  }
}
