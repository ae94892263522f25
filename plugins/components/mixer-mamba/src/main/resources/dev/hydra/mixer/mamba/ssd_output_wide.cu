// ssd_output where four warps issue products together; what it computes is in ssd_output.cu.
//
// A chunk has an early and a late half, and a block a team of four warps for each. What passes between two tokens of
// a half is reckoned pair by pair. What passes from early to late tokens decays from j to the last early one, and from
// there to i: so x is weighed with the first, in its place, and the sums over it with the second; what it is
// multiplied by, C B^T, is the same for all heads.
//
// One thread has hardware bring x, states, steps and logs of the heads to come. The late team takes its strips of 16
// tokens in reverse, so that all schedulers have as many pairs.
//
// Launch: grid (chunks, groups * splits, batch), THREADS = CHUNK * 2 threads, dynamic shared memory output::BYTES.
// Tensors as there, but for
//
//   x       boxes of CHUNK rows of [batch, time, heads HEAD_DIM]
//   b       boxes of CHUNK rows of [batch, time, groups STATE]; c those of 16 rows
//   states  boxes of 64 rows of [batch chunks heads HEAD_DIM, STATE]
#if WIDE
namespace output {
constexpr int TEAM = 128;  // threads
constexpr int HALF = Q / 2;
constexpr int STAGES = 2;  // of x, states, steps and logs
typedef WideTile<Q, N> Projection;
typedef WideTile<Q, PT> Values;
typedef WideTile<PT, N> State;
typedef WideTile<HALF, HALF> Scores;
static_assert(ROWS == 8 && PT == 64 && THREADS == 2 * TEAM, "a warp a strip");

// What lies where in a stage, and from a multiple of 1024 bytes on.
constexpr int TOKENS = Values::BYTES + State::BYTES;
constexpr int STAGE = TOKENS + 2 * Q * 4;
constexpr int MIDDLE = Projection::BYTES;  // C B^T of late i and early j, after C
constexpr int FIRST = MIDDLE + Scores::BYTES;
constexpr int FREE = STAGE >= Projection::BYTES ? 1 : 0;  // stages before the one from which on B is at first
constexpr int BARRIERS = FIRST + larger(STAGES * STAGE, Projection::BYTES);
enum Barrier {
  PROJECTIONS,             // B and C are there
  FULL,                    // a stage is there; the first of STAGES
  EMPTY = FULL + STAGES,   // all have read it
  COUNT = EMPTY + STAGES
};
constexpr int BYTES = SLACK + BARRIERS + COUNT * 8;
constexpr int BLOCKS = N <= 128 ? 2 : 1;  // that a multiprocessor has room for

__device__ __forceinline__ void put_pair(SharedAddress at, float first, float second) {
  store_shared(at, pack_bf16(first, second));
}

// Barriers of threads besides that in which all take part. The early team has one of its own,
__device__ __forceinline__ void early_team_meets() { team_meets<TEAM>(1); }

// and hands its values over by two in turn: teams are at most a head apart.
__device__ __forceinline__ void hand_over(int i) {
  if (i % 2 == 0) {
    team_arrives<THREADS>(2);
  } else {
    team_arrives<THREADS>(3);
  }
}

__device__ __forceinline__ void wait_for_values(int i) {
  if (i % 2 == 0) {
    team_meets<THREADS>(2);
  } else {
    team_meets<THREADS>(3);
  }
}
}  // namespace output
extern "C" __device__ const int ssd_output_bytes = output::BYTES;
extern "C" __device__ const int ssd_output_waits = 1;

extern "C" __global__ void __launch_bounds__(THREADS, output::BLOCKS) ssd_output(
    const __grid_constant__ TensorMap x, const __grid_constant__ TensorMap b, const __grid_constant__ TensorMap c,
    const float* step, const float* logs, const int* first, const __grid_constant__ TensorMap states,
    const float* skip, Element* y, Long y_batch, Long y_time, Long y_head, Long time, Long heads, Long shared,
    Long splits) {
  wait_for_prerequisites();
  using namespace output;
  int lane = threadIdx.x & 31;
  int block_warp = uniform(threadIdx.x >> 5);
  bool late = block_warp >= TEAM / 32;
  int warp = block_warp % (TEAM / 32);
  bool fetches = threadIdx.x == TEAM;
  int half = late ? HALF : 0;
  int strip = late ? 3 - warp : warp;  // of the half
  int g = lane >> 2;
  int t2 = 2 * (lane & 3);
  int here = half + 16 * strip + g;
  int chunks = gridDim.x;
  int chunk = blockIdx.x;
  int row = blockIdx.z;
  int group = blockIdx.y / (int)splits;
  int per_split = ((int)shared + (int)splits - 1) / (int)splits;
  int begin = blockIdx.y % (int)splits * per_split;
  int end = begin + per_split < (int)shared ? begin + per_split : (int)shared;
  int count = (end - begin) * P_TILES;
  begin += group * (int)shared;
  int from = chunk * Q;
  Long left_of_time = time - from;
  int valid = left_of_time < Q ? (int)left_of_time : Q;
  char* base = begin_panels(SHARED);
  auto barrier = [&](int which) { return shared_address(base + BARRIERS + which * 8); };
  auto stage_of = [&](int i) { return base + FIRST + i % STAGES * STAGE; };
  Projection queries(base);
  Scores middle(base + MIDDLE);
  Projection keys(stage_of(FREE));
  auto fetch = [&](int i) {
    if (i >= count) return;
    SharedAddress full = barrier(FULL + i % STAGES);
    Values values(stage_of(i));
    State state(stage_of(i) + Values::BYTES);
    SharedAddress tokens = values.data + TOKENS;
    int head = begin + i / P_TILES;
    int column = head * P + i % P_TILES * PT;
    Long at = ((Long)row * heads + head) * chunks * Q + from;
    barrier_expect(full, STAGE);
    bring(values.data, x, full, column, from, row);
#pragma unroll
    for (int n = 0; n < N; n += 64) {
      bring(state.at(0, n), states, full, n, (row * chunks + chunk) * (int)heads * P + column, 0);
    }
    bring(tokens, step + at, full, Q * 4);
    bring(tokens + Q * 4, logs + at, full, Q * 4);
  };

  if (fetches) {
    SharedAddress projections = barrier(PROJECTIONS);
    barrier_init(projections, 1);
    for (int s = 0; s < STAGES; s++) {
      barrier_init(barrier(FULL + s), 1);
      barrier_init(barrier(EMPTY + s), THREADS / 32);
    }
    barriers_publish();
    barrier_expect(projections, 2 * Projection::BYTES);
#pragma unroll
    for (int n = 0; n < N; n += 64) {
      bring(keys.at(0, n), b, projections, group * N + n, from, row);
#pragma unroll
      for (int s = 0; s < ROWS; s++) {
        int tokens = 16 * (s < ROWS / 2 ? s : ROWS + ROWS / 2 - 1 - s);
        bring(queries.at(16 * s, n), c, projections, group * N + n, from + tokens, row);
      }
    }
    for (int i = 0; i < FREE; i++) fetch(i);
  }
  __syncthreads();
  barrier_wait(barrier(PROJECTIONS), 0);
  Operand scores[4];
  {
    Sums sum[4];
    auto multiply_projections = [&](int j) {
      products_begin();
#pragma unroll
      for (int n = 0; n < N; n += 16) {
        multiply(flat(sum), queries.along_rows(half, n), keys.along_rows(j, n), n > 0);
      }
      products_end();
      settle(flat(sum));
    };
    multiply_projections(half);
#pragma unroll
    for (int j = 0; j < 4; j++) to_operand(scores[j], sum[j]);
    if (late) {
      multiply_projections(0);
#pragma unroll
      for (int j = 0; j < 4; j++) {
#pragma unroll
        for (int e = 0; e < 4; e++) {  // rows g + 8 (e % 2), columns t2 + 8 (e / 2) and on
          const float* s = sum[j][e / 2] + e % 2 * 2;
          put_pair(middle.at(16 * warp + g + e % 2 * 8, 16 * j + e / 2 * 8 + t2), s[0], s[1]);
        }
      }
      publish();
    }
  }
  int start[2] = {-1, -1};
  int middle_start = -1;
#if DOCUMENTS
  const int* starts = first + (Long)row * chunks * Q + from;
  start[0] = starts[here];
  start[1] = starts[here + 8];
  middle_start = starts[HALF - 1];
#endif
  __syncthreads();
  if (fetches) {
    for (int i = FREE; i < STAGES; i++) fetch(i);
  }

  for (int i = 0; i < count; i++) {
    int head = begin + i / P_TILES;
    float d_skip = skip == nullptr ? 0.0f : skip[head];
    int parity = i / STAGES & 1;
    barrier_wait(barrier(FULL + i % STAGES), parity);
    char* stage = stage_of(i);
    Values values(stage);
    State state(stage + Values::BYTES);
    const float* steps = (const float*)(stage + TOKENS);
    const float* log = steps + Q;
    Sums sum[4];
    products_begin();
#pragma unroll
    for (int n = 0; n < N; n += 16) {
      multiply(flat(sum), queries.along_rows(half, n), state.along_rows(0, n), n > 0);
    }
    products_commit();
    float own_log[2] = {log[here], log[here + 8]};
    Operand mixing[4];
#pragma unroll
    for (int j = 0; j < 4; j++) {
      int token = half + 16 * j + t2;
      if (j < strip) {
        mix<false>(mixing[j], scores[j], log, steps, own_log, start, here, token);
      } else if (j == strip) {
        mix<true>(mixing[j], scores[j], log, steps, own_log, start, here, token);
      } else {
        mixing[j] = Operand();
      }
    }
    products_wait<0>();
    settle(flat(sum));
    decay_entering(sum, own_log, start);
    products_begin();
#pragma unroll
    for (int j = 0; j < 4; j++) multiply(flat(sum), mixing[j].r[0], values.across_rows(half + 16 * j));
    products_end();
    settle(flat(sum));
    if (!late) {
      early_team_meets();  // all of its products have read x
#pragma unroll
      for (int second = 0; second < 2; second++) {
        int token = here + 8 * second;
        float leaving = exp2_fast(fminf(log[HALF - 1] - own_log[second], 0.0f)) * steps[token];
        if (DOCUMENTS && token < middle_start) leaving = 0.0f;
#pragma unroll
        for (int p = 0; p < 8; p++) {
          float* to = sum[p / 2][p % 2] + 2 * second;
          float x0, x1;
          values.pair(token, 8 * p + t2, x0, x1);
          to[0] += d_skip * x0;
          to[1] += d_skip * x1;
          put_pair(values.at(token, 8 * p + t2), x0 * leaving, x1 * leaving);
        }
      }
      publish();
      hand_over(i);
    } else {
      wait_for_values(i);
      Sums from_early[4];
      products_begin();
#pragma unroll
      for (int j = 0; j < HALF; j += 16) {
        multiply<false, true>(flat(from_early), middle.along_rows(0, j), values.across_rows(j), j > 0);
      }
      products_commit();
      add_skipped(sum, values, d_skip, here, t2);
      float entering[2];
#pragma unroll
      for (int second = 0; second < 2; second++) {
        entering[second] = exp2_fast(own_log[second] - log[HALF - 1]);
        if (DOCUMENTS && start[second] >= HALF) entering[second] = 0.0f;
      }
      products_wait<0>();
      settle(flat(from_early));
#pragma unroll
      for (int p = 0; p < 8; p++) {
#pragma unroll
        for (int e = 0; e < 4; e++) sum[p / 2][p % 2][e] += entering[e / 2] * from_early[p / 2][p % 2][e];
      }
    }
    __syncwarp();
    if (lane == 0) barrier_arrive(barrier(EMPTY + i % STAGES));
    Element* to = y + row * y_batch + (from + here) * y_time + head * y_head + i % P_TILES * PT;
    store_row<4>(to, sum, 0, here < valid, lane);
    store_row<4>(to + 8 * y_time, sum, 1, here + 8 < valid, lane);
    if (fetches && i + STAGES < count) {
      barrier_wait(barrier(EMPTY + i % STAGES), parity);
      fetch(i + STAGES);
    }
    __syncwarp();
  }
}
#endif
