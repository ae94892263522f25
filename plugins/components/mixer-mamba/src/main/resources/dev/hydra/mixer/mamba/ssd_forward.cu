// The whole forward pass of a head in one sweep over time: the state stays in registers in float32
// and never goes to memory, x is read once and y written once. For where batch * heads fill the device;
// else ssd_chunk_states, ssd_pass_states and ssd_output do the same with more blocks.

namespace forward {
constexpr int P_WARPS = PT / 16;
constexpr int N_WARPS = ROWS / P_WARPS;

// 16 x 16 tiles of the state per warp: as few as its warps can share evenly.
__device__ constexpr int share(int tiles) {
  return N / 16 % tiles == 0 && tiles * N_WARPS >= N / 16 ? tiles : share(tiles + 1);
}
constexpr int TILES = share(1);
typedef Tile<Q, N> Projection;
typedef Tile<Q, PT> Values;
typedef Tile<PT, N> State;
constexpr int STAGE = Values::BYTES + 2 * Projection::BYTES + 3 * Q * 4;
constexpr int BYTES = 2 * STAGE + 2 * State::BYTES;
constexpr int PAIRS = ROWS * (ROWS + 1) / 2;  // 16 x 16 blocks of C B^T at or below the diagonal

// sum += weighted values (rows = channel) times keys (columns = state), a chunk deep. The operands of the
// next step are under way while the tensor cores do this one.
template <int COUNT, class AnyValues, class AnyKeys>
__device__ __forceinline__ void add_products(
    Sums (&sum)[COUNT], const AnyValues& values, const AnyKeys& keys, const float* weight,
    int channel, int column, int lane) {
  Operand left[2];
  Operand right[2][COUNT];
#pragma unroll
  for (int step = -1; step < Q / 16; step++) {
    int next = step + 1;
    if (next < Q / 16) {
      values.a_transposed(left[next % 2], 16 * next, channel, lane);
#pragma unroll
      for (int i = 0; i < COUNT; i++) keys.b_transposed(right[next % 2][i], 16 * next, column + 16 * i, lane);
    }
    if (step >= 0) {
      Operand a;
      const float* own = weight + 16 * step + 2 * (lane & 3);
      weigh(a, left[step % 2], *(const float2*)own, *(const float2*)(own + 8));
#pragma unroll
      for (int i = 0; i < COUNT; i++) multiply(sum[i], a, right[step % 2][i]);
    }
  }
}
}  // namespace forward
extern "C" __device__ const int ssd_scores_bytes = 2 * forward::Projection::BYTES;
extern "C" __device__ const int ssd_forward_bytes = forward::BYTES;
extern "C" __device__ const int ssd_scores_waits = 1;
extern "C" __device__ const int ssd_forward_waits = 1;

// C B^T of each chunk and group, in the layout of operands: lane l of block (i, j) at index
// (i (i + 1) / 2 + j) * PARTS * 32 + part * 32 + l, 16 bytes each.
//
// Launch: grid (chunks, groups, batch), THREADS = CHUNK * 2 threads, dynamic shared memory
// 2 * Tile<Q, N>::BYTES.
//
//   b, c    [batch, time, groups, STATE], strides each
//   scores  [batch, chunks, groups, PAIRS * PARTS * 32] of 16 bytes
extern "C" __global__ void __launch_bounds__(THREADS) ssd_scores(
    const Element* b, Long b_batch, Long b_time, Long b_group, const Element* c, Long c_batch,
    Long c_time, Long c_group, uint4* scores, Long time) {
  wait_for_prerequisites();
  using namespace forward;
  int thread = threadIdx.x;
  int lane = thread & 31;
  int warp = thread >> 5;
  Long row = blockIdx.z;
  Long group = blockIdx.y;
  Long from = (Long)blockIdx.x * Q;
  int valid = time - from < Q ? (int)(time - from) : Q;
  Projection queries(SHARED);
  Projection keys(SHARED + Projection::BYTES);
  queries.load<THREADS>(c + row * c_batch + from * c_time + group * c_group, c_time, valid, thread);
  keys.load<THREADS>(b + row * b_batch + from * b_time + group * b_group, b_time, valid, thread);
  copies_arrive();
  scores += ((row * gridDim.x + blockIdx.x) * gridDim.y + group) * PAIRS * PARTS * 32;
  for (int j = 0; j <= warp; j++) {
    Sums sum = {};
#pragma unroll
    for (int n = 0; n < N; n += 16) {
      Operand left, right;
      queries.a(left, 16 * warp, n, lane);
      keys.b(right, 16 * j, n, lane);
      multiply(sum, left, right);
    }
    Operand packed;
    to_operand(packed, sum);
#pragma unroll
    for (int part = 0; part < PARTS; part++) {
      const unsigned* r = packed.r[part];
      scores[(pair_index(warp, j) * PARTS + part) * 32 + lane] = make_uint4(r[0], r[1], r[2], r[3]);
    }
  }
}

// Two sets of ROWS warps work side by side on a chunk, so that one's waits are the other's work: the
// first makes y, a strip of 16 tokens a warp; the second fetches the next chunk and carries the state
// on. They meet once a chunk.
//
// Launch: grid (P_TILES, heads, batch), 2 * THREADS = CHUNK * 4 threads, dynamic shared memory
// forward::BYTES (too much for STATE 256).
//
//   x        [batch, time, heads, HEAD_DIM], strides x_batch, x_time, x_head, 1
//   b, c     [batch, time, groups, STATE], strides each
//   step, logs, to_end, total, first  from ssd_decay
//   scores   from ssd_scores
//   skip     D [heads] or null
//   initial  [batch, heads, HEAD_DIM, STATE] fp32 or null: zeros
//   y        [batch, time, heads, HEAD_DIM], strides y_batch, y_time, y_head, 1; 16-byte aligned rows
//   last     [batch, heads, HEAD_DIM, STATE] fp32 or null: the state after the last token
//   shared   heads per group
extern "C" __global__ void __launch_bounds__(2 * THREADS, 1) ssd_forward(
    const Element* x, Long x_batch, Long x_time, Long x_head, const Element* b, Long b_batch,
    Long b_time, Long b_group, const Element* c, Long c_batch, Long c_time, Long c_group,
    const float* step, const float* logs, const float* to_end, const float* total,
    const int* first, const uint4* scores, const float* skip, const float* initial, Element* y,
    Long y_batch, Long y_time, Long y_head, float* last, Long time, Long chunks,
    Long shared) {
  wait_for_prerequisites();
  using namespace forward;
  int lane = threadIdx.x & 31;
  int warp = strip_of(threadIdx.x / 32 % ROWS);
  bool makes_y = threadIdx.x < THREADS;
  int thread = threadIdx.x % THREADS;
  int g = lane >> 2;
  int t2 = 2 * (lane & 3);
  Long heads = gridDim.y;
  Long head = blockIdx.y;
  Long row = blockIdx.z;
  Long group = head / shared;
  Long groups = heads / shared;
  int p0 = blockIdx.x * PT;
  x += row * x_batch + head * x_head + p0;
  y += row * y_batch + head * y_head + p0;
  b += row * b_batch + group * b_group;
  c += row * c_batch + group * c_group;
  scores += (row * chunks * groups + group) * PAIRS * PARTS * 32;
  Long at = (row * heads + head) * chunks;
  step += at * Q;
  logs += at * Q;
  to_end += at * Q;
  total += at;
  char* kept = SHARED + 2 * STAGE;
  float d = skip == nullptr ? 0.0f : skip[head];

  auto fetch = [&](int z) {
    if (z < chunks) {
      char* stage = SHARED + z % 2 * STAGE;
      Long t = (Long)z * Q;
      int valid = time - t < Q ? (int)(time - t) : Q;
      Values(stage).load<THREADS>(x + t * x_time, x_time, valid, thread);
      stage += Values::BYTES;
      Projection(stage).load<THREADS>(b + t * b_time, b_time, valid, thread);
      stage += Projection::BYTES;
      Projection(stage).load<THREADS>(c + t * c_time, c_time, valid, thread);
      stage += Projection::BYTES;
      load_values<Q>(stage, step + t, thread);
      load_values<Q>(stage + Q * 4, logs + t, thread);
      load_values<Q>(stage + Q * 8, to_end + t, thread);
    }
    copies_commit();
  };

  if (makes_y) {
    int strip = 16 * warp;
    // Blocks of C B^T for this warp's strip; the last in line is the diagonal, so that indices are constants.
    Operand score[ROWS];
    auto fetch_scores = [&](Long z) {
      const uint4* score_from = scores + z * groups * PAIRS * PARTS * 32 + lane;
#pragma unroll
      for (int j = 0; j < ROWS; j++) {
        if (j < warp || j == ROWS - 1) {
          int block = pair_index(warp, j == ROWS - 1 ? warp : j);
#pragma unroll
          for (int part = 0; part < PARTS; part++) {
            uint4 four = score_from[(block * PARTS + part) * 32];
            score[j].r[part][0] = four.x;
            score[j].r[part][1] = four.y;
            score[j].r[part][2] = four.z;
            score[j].r[part][3] = four.w;
          }
        }
      }
    };
    fetch_scores(0);
    for (int z = 0; z < chunks; z++) {
      __syncthreads();
      int valid = time - (Long)z * Q < Q ? (int)(time - (Long)z * Q) : Q;
      State state(kept + z % 2 * State::BYTES);
      char* stage = SHARED + z % 2 * STAGE;
      Values values(stage);
      Projection queries(stage + Values::BYTES + Projection::BYTES);
      const float* steps = (const float*)(stage + Values::BYTES + 2 * Projection::BYTES);
      const float* log = steps + Q;
      int start[2] = {-1, -1};
#if DOCUMENTS
      start[0] = first[(row * chunks + z) * Q + strip + g];
      start[1] = first[(row * chunks + z) * Q + strip + g + 8];
#endif
      Sums out[PT / 16] = {};
      from_state(out, queries, state, strip, lane);
      float own_log[2] = {log[strip + g], log[strip + g + 8]};
      decay_entering(out, own_log, start);
#pragma unroll
      for (int j = 0; j < ROWS; j++) {
        if (j < warp || j == ROWS - 1) {  // the last in line is the diagonal
          int token = j == ROWS - 1 ? strip : 16 * j;
          Operand right[PT / 16];
#pragma unroll
          for (int p = 0; p < PT / 16; p++) values.b_transposed(right[p], token, 16 * p, lane);
          Operand mixing;
          if (j == ROWS - 1) {
            mix<true>(mixing, score[j], log, steps, own_log, start, strip + g, token + t2);
          } else {
            mix<false>(mixing, score[j], log, steps, own_log, start, strip + g, token + t2);
          }
#pragma unroll
          for (int p = 0; p < PT / 16; p++) multiply(out[p], mixing, right[p]);
        }
      }
      if (z + 1 < chunks) fetch_scores(z + 1);  // early, for they come from afar
      if (skip != nullptr) add_skipped(out, values, d, strip + g, t2);
      Element* to = y + ((Long)z * Q + strip + g) * y_time;
      store_row<PT / 16>(to, out, 0, strip + g < valid, lane);
      store_row<PT / 16>(to + 8 * y_time, out, 1, strip + g + 8 < valid, lane);
    }
    return;
  }

  int channel = warp % P_WARPS * 16;  // this warp's part of the state
  int column = warp / P_WARPS * TILES * 16;
  bool keeps = warp < P_WARPS * N_WARPS && column < N;
  fetch(0);
  Sums sum[TILES] = {};
  Long own = ((row * heads + head) * P + p0 + channel + g) * N + column + t2;
  if (keeps && initial != nullptr) {
#pragma unroll
    for (int i = 0; i < 2 * TILES; i++) {
#pragma unroll
      for (int e = 0; e < 4; e++) sum[i / 2][i % 2][e] = initial[own + (e / 2 * 8) * N + 8 * i + e % 2];
    }
  }
  for (int z = 0; z < chunks; z++) {
    float passing = total[z];
    State state(kept + z % 2 * State::BYTES);
    if (keeps) {
#pragma unroll
      for (int i = 0; i < 2 * TILES; i++) {
        const float* s = sum[i / 2][i % 2];
        state.put_pair(channel + g, column + 8 * i + t2, s[0], s[1]);
        state.put_pair(channel + g + 8, column + 8 * i + t2, s[2], s[3]);
      }
    }
    copies_wait<0>();
    __syncthreads();
    fetch(z + 1);
    if (keeps) {
      char* stage = SHARED + z % 2 * STAGE;
      Values values(stage);
      Projection keys(stage + Values::BYTES);
      const float* leaving = (const float*)(stage + Values::BYTES + 2 * Projection::BYTES) + 2 * Q;
#pragma unroll
      for (int i = 0; i < 2 * TILES; i++) {
#pragma unroll
        for (int e = 0; e < 4; e++) sum[i / 2][i % 2][e] *= passing;
      }
      add_products(sum, values, keys, leaving, channel, column, lane);
    }
  }
  if (last == nullptr || !keeps) return;
#pragma unroll
  for (int i = 0; i < 2 * TILES; i++) {
#pragma unroll
    for (int e = 0; e < 4; e++) last[own + (e / 2 * 8) * N + 8 * i + e % 2] = sum[i / 2][i % 2][e];
  }
}
