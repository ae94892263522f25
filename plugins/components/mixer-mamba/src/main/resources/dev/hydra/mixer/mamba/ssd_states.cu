// The states between chunks, in one sweep over time per head: nothing but the states themselves is
// written, and the sum stays in registers in float32.
//
//   forward   (v = x, k = B, weight = to_end):      states[z] = the state before chunk z
//   backward  (v = dy, k = C, weight = from_start): states[z] = the gradient of the state after chunk z
//
//   sum = initial;  for each chunk z, from the first to the last (backward: from the last to the first):
//     states[z] = sum;  sum = total[z] * sum + sum over tokens t of z of weight[t] * v[t] k[t]^T
//   last = sum
//
// States are independent per channel and state element, so blocks may take tiles of SWEEP_P x SWEEP_N
// of them: smaller ones when batch * heads alone do not fill the device. If they still do not, time is
// cut into segments, each walked over twice: at first all begin with zeros (the first one with
// `initial`) and leave only what they come to, in `sums`, and by how much they let pass what is
// before, in `passings`; then each begins with what those before it left.
//
// Launch: grid ((HEAD_DIM / SWEEP_P) * (STATE / SWEEP_N) * segments (the last not at first), heads,
// batch), SWEEP_THREADS = SWEEP_P / 16 * (SWEEP_N / sweep::WIDTH) * 32 threads, dynamic shared memory
// SWEEP_STAGES * (PARTS * 128 * (SWEEP_P + SWEEP_N + 16) + 256) bytes.
//
//   v        [batch, time, heads, HEAD_DIM], strides v_batch, v_time, v_head, 1
//   k        [batch, time, groups, STATE], strides k_batch, k_time, k_group, 1
//   weight   [batch, heads, padded time], total [batch, heads, chunks], from ssd_decay
//   initial  [batch, heads, HEAD_DIM, STATE] fp32 or null: zeros
//   states   [batch, chunks, heads, HEAD_DIM, STATE] Element
//   last     [batch, heads, HEAD_DIM, STATE] fp32 or null
//   shared   heads per group
//   backward 0 or 1
//   segments as many as `length` chunks, the last at least one, make of all; gather 1 at first, else 0
//   sums     [batch, heads, segments, HEAD_DIM, STATE] fp32, passings [batch, heads, segments]
#ifndef SWEEP_P
#define SWEEP_P PT
#endif
#ifndef SWEEP_N
#define SWEEP_N NT
#endif
#ifndef SWEEP_STAGES
#define SWEEP_STAGES 4
#endif

namespace sweep {
constexpr int TOKENS = 64;  // that are fetched at once
constexpr int PARTS_OF_CHUNK = Q / TOKENS;
constexpr int P_WARPS = SWEEP_P / 16;
// States of a warp: few, as the next tokens wait for what this one computes, unless that would make
// more than 16 warps.
__device__ constexpr int width(int most) {
  return most >= 64 || P_WARPS * (SWEEP_N / part(SWEEP_N, most)) <= 16 ? part(SWEEP_N, most) : width(2 * most);
}
constexpr int WIDTH = width(16);
constexpr int WORKERS = P_WARPS * (SWEEP_N / WIDTH) * 32;
constexpr int TILES = WIDTH / 16;
constexpr int AT_ONCE = TILES == 1 ? 4 : 1;  // segments before, on their way together
static_assert(P % SWEEP_P == 0 && SWEEP_P % 16 == 0, "SWEEP_P");
static_assert(N % SWEEP_N == 0 && SWEEP_N % WIDTH == 0 && WIDTH % 16 == 0, "SWEEP_N");
typedef Tile<TOKENS, SWEEP_P> Values;
typedef Tile<TOKENS, SWEEP_N> Keys;
constexpr int STAGE = Values::BYTES + Keys::BYTES + TOKENS * 4;

// Each token (depth) of an operand a times its weight.
__device__ __forceinline__ void weigh(Operand& a, const Operand& plain, const float* weight, int lane) {
  float2 near = *(const float2*)(weight + 2 * (lane & 3));
  float2 far = *(const float2*)(weight + 2 * (lane & 3) + 8);
  set(a, 0, low(plain, 0) * near.x, high(plain, 0) * near.y);
  set(a, 1, low(plain, 1) * near.x, high(plain, 1) * near.y);
  set(a, 2, low(plain, 2) * far.x, high(plain, 2) * far.y);
  set(a, 3, low(plain, 3) * far.x, high(plain, 3) * far.y);
}

// sum += weighted values (rows = channel) times keys (columns = state), TOKENS deep. The operands of the
// next step are under way while the tensor cores do this one.
template <int DEPTH, int COUNT, class AnyValues, class AnyKeys>
__device__ __forceinline__ void add_products(
    Sums (&sum)[COUNT], const AnyValues& values, const AnyKeys& keys, const float* weight,
    int channel, int column, int lane) {
  Operand left[2];
  Operand right[2][COUNT];
#pragma unroll
  for (int step = -1; step < DEPTH / 16; step++) {
    int next = step + 1;
    if (next < DEPTH / 16) {
      values.a_transposed(left[next % 2], 16 * next, channel, lane);
#pragma unroll
      for (int i = 0; i < COUNT; i++) keys.b_transposed(right[next % 2][i], 16 * next, column + 16 * i, lane);
    }
    if (step >= 0) {
      Operand a;
      weigh(a, left[step % 2], weight + 16 * step, lane);
#pragma unroll
      for (int i = 0; i < COUNT; i++) multiply(sum[i], a, right[step % 2][i]);
    }
  }
}
}  // namespace sweep
extern "C" __device__ const int ssd_states_bytes = SWEEP_STAGES * sweep::STAGE;

extern "C" __global__ void __launch_bounds__(sweep::WORKERS) ssd_states(
    const Element* v, Long v_batch, Long v_time, Long v_head, const Element* k, Long k_batch,
    Long k_time, Long k_group, const float* weight, const float* total, const float* initial,
    Element* states, float* last, Long time, Long chunks, Long shared, Long backward, Long segments,
    Long length, Long gather, float* sums, float* passings) {
  using namespace sweep;
  int thread = threadIdx.x;
  int lane = thread & 31;
  int warp = thread >> 5;
  int channel = warp % P_WARPS * 16;
  int column = warp / P_WARPS * WIDTH;
  Long heads = gridDim.y;
  Long head = blockIdx.y;
  Long row = blockIdx.z;
  constexpr int TILES_OF_HEAD = (P / SWEEP_P) * (N / SWEEP_N);
  int tile = blockIdx.x % TILES_OF_HEAD;
  int segment = blockIdx.x / TILES_OF_HEAD;
  int p0 = tile % (P / SWEEP_P) * SWEEP_P;
  int n0 = tile / (P / SWEEP_P) * SWEEP_N;
  v += row * v_batch + head * v_head + p0;
  k += row * k_batch + head / shared * k_group + n0;
  weight += (row * heads + head) * chunks * Q;
  total += (row * heads + head) * chunks;

  int from = (int)(segment * length);
  int until = (int)(from + length < chunks ? from + length : chunks);
  int fetches = (until - from) * PARTS_OF_CHUNK;
  auto fetch = [&](int i) {
    if (i < fetches) {
      char* stage = SHARED + i % SWEEP_STAGES * STAGE;
      int z = from + i / PARTS_OF_CHUNK;
      if (backward) z = (int)chunks - 1 - z;
      Long t = (Long)z * Q + i % PARTS_OF_CHUNK * TOKENS;
      Long rest = time - t;
      int valid = rest < 0 ? 0 : rest < TOKENS ? (int)rest : TOKENS;
      if (valid == 0) t = 0;
      Values(stage).load<WORKERS>(v + t * v_time, v_time, valid, thread);
      Keys(stage + Values::BYTES).load<WORKERS>(k + t * k_time, k_time, valid, thread);
      if (valid == 0) t = (Long)z * Q + i % PARTS_OF_CHUNK * TOKENS;
      load_values<TOKENS>(stage + Values::BYTES + Keys::BYTES, weight + t, thread);
    }
    copies_commit();
  };

  // Of this lane the elements of a state [HEAD_DIM, STATE].
  auto each = [&](auto&& visit) {
    Long own = (Long)(p0 + channel + (lane >> 2)) * N + n0 + column;
#pragma unroll
    for (int i = 0; i < 2 * TILES; i++) {
#pragma unroll
      for (int e = 0; e < 4; e++) visit(own + (e / 2 * 8) * N + 8 * i + 2 * (lane & 3) + e % 2, i, e);
    }
  };
  Long sequence = row * heads + head;
  Sums sum[TILES];
  each([&](Long at, int i, int e) {
    sum[i / 2][i % 2][e] = initial == nullptr || segment > 0 ? 0.0f : initial[sequence * P * N + at];
  });
  if (!gather) {
#pragma unroll(AT_ONCE)
    for (int s = 0; s < segment; s++) {
      float decay = passings[sequence * segments + s];
      each([&](Long at, int i, int e) {
        float& value = sum[i / 2][i % 2][e];
        value = value * decay + sums[(sequence * segments + s) * P * N + at];
      });
    }
  }
#pragma unroll
  for (int i = 0; i < SWEEP_STAGES - 1; i++) fetch(i);
  float passing = total[backward ? chunks - 1 - from : from];
  float passing_all = 1.0f;
  for (int i = 0; i < fetches; i++) {
    copies_wait<SWEEP_STAGES - 2>();
    __syncthreads();
    fetch(i + SWEEP_STAGES - 1);
    if (i % PARTS_OF_CHUNK == 0) {
      int z = from + i / PARTS_OF_CHUNK;
      if (backward) z = (int)chunks - 1 - z;
      if (!gather) {
        Element* to = states + (((row * chunks + z) * heads + head) * P + p0 + channel + (lane >> 2)) * N
            + n0 + column;
        store_row<TILES>(to, sum, 0, true, lane);
        store_row<TILES>(to + 8 * N, sum, 1, true, lane);
      }
      passing_all *= passing;
#pragma unroll
      for (int j = 0; j < 2 * TILES; j++) {
#pragma unroll
        for (int e = 0; e < 4; e++) sum[j / 2][j % 2][e] *= passing;
      }
      int next = backward ? z - 1 : z + 1;
      if (next >= 0 && next < chunks) passing = total[next];
    }
    char* stage = SHARED + i % SWEEP_STAGES * STAGE;
    Values values(stage);
    Keys keys(stage + Values::BYTES);
    const float* weights = (const float*)(stage + Values::BYTES + Keys::BYTES);
    add_products<TOKENS>(sum, values, keys, weights, channel, column, lane);
  }
  float* to = gather ? sums + (sequence * segments + segment) * P * N
      : last != nullptr && segment == segments - 1 ? last + sequence * P * N : nullptr;
  if (to != nullptr) each([&](Long at, int i, int e) { to[at] = sum[i / 2][i % 2][e]; });
  if (gather && tile == 0 && thread == 0) passings[sequence * segments + segment] = passing_all;
}
