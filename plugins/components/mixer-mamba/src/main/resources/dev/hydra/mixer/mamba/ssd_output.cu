// The outputs of a chunk from its tokens and the state before it, head by head:
//
//   y[i] = from_start[i] * S C[i] + sum over j <= i of exp2(logs[i] - logs[j]) (C[i] . B[j]) step[j] x[j] + D x[i]
//
// C B^T is the same for all heads of a group: it is computed once, and stays in registers in the very
// layout in which the next product wants it. Each warp has a strip of 16 tokens.
//
// Launch: grid (chunks, groups * splits, batch), THREADS = CHUNK * 2 threads; split s of a group takes
// heads ceil(shared / splits) * s and on. More splits for more blocks when there are few chunks.
// Dynamic shared memory: output::BYTES.
//
//   x        [batch, time, heads, HEAD_DIM], strides x_batch, x_time, x_head, 1
//   b, c     [batch, time, groups, STATE], strides each
//   step, logs, first  from ssd_decay
//   states   [batch, chunks, heads, HEAD_DIM, STATE] from ssd_states
//   skip     D [heads] or null
//   y        [batch, time, heads, HEAD_DIM], strides y_batch, y_time, y_head, 1; 16-byte aligned rows
//   shared   heads per group
//
// This one is for devices and shapes whose warps multiply each for itself; that of WIDE is in ssd_output_wide.cu.
#if !WIDE
namespace output {
typedef Tile<Q, N> Projection;
typedef Tile<Q, PT> Values;
typedef Tile<PT, N> State;
constexpr int STAGE = Values::BYTES + State::BYTES + 2 * Q * 4;
constexpr int BYTES = Projection::BYTES + larger(2 * STAGE, Projection::BYTES);
}  // namespace output
extern "C" __device__ const int ssd_output_bytes = output::BYTES;
extern "C" __device__ const int ssd_output_waits = 1;

extern "C" __global__ void __launch_bounds__(THREADS, 2) ssd_output(
    const Element* x, Long x_batch, Long x_time, Long x_head, const Element* b, Long b_batch,
    Long b_time, Long b_group, const Element* c, Long c_batch, Long c_time, Long c_group,
    const float* step, const float* logs, const int* first, const Element* states,
    const float* skip, Element* y, Long y_batch, Long y_time, Long y_head, Long time, Long heads,
    Long shared, Long splits) {
  wait_for_prerequisites();
  using namespace output;
  int thread = threadIdx.x;
  int lane = thread & 31;
  int warp = strip_of(thread >> 5);
  int g = lane >> 2;
  int t2 = 2 * (lane & 3);
  int strip = 16 * warp;
  Long chunks = gridDim.x;
  Long chunk = blockIdx.x;
  Long row = blockIdx.z;
  Long group = blockIdx.y / splits;
  Long per_split = (shared + splits - 1) / splits;
  Long begin = blockIdx.y % splits * per_split;
  Long end = begin + per_split < shared ? begin + per_split : shared;
  Long from = chunk * Q;
  int valid = time - from < Q ? (int)(time - from) : Q;
  char* stages = SHARED + Projection::BYTES;

  int count = (int)(end - begin) * P_TILES;
  auto fetch = [&](int i) {
    if (i < count) {
      char* stage = stages + i % 2 * STAGE;
      Long head = group * shared + begin + i / P_TILES;
      int p = i % P_TILES * PT;
      Values(stage).load<THREADS>(
          x + row * x_batch + from * x_time + head * x_head + p, x_time, valid, thread);
      State(stage + Values::BYTES).load<THREADS>(
          states + (((row * chunks + chunk) * heads + head) * P + p) * N, N, PT, thread);
      Long at = (row * heads + head) * chunks * Q + from;
      char* values = stage + Values::BYTES + State::BYTES;
      load_values<Q>(values, step + at, thread);
      load_values<Q>(values + Q * 4, logs + at, thread);
    }
    copies_commit();
  };

  Projection queries(SHARED);
  Projection keys(stages);
  const Element* queries_from = c + row * c_batch + from * c_time + group * c_group;
  queries.load<THREADS>(queries_from, c_time, valid, thread);
  keys.load<THREADS>(b + row * b_batch + from * b_time + group * b_group, b_time, valid, thread);
  copies_arrive();
  Operand scores[ROWS];
#pragma unroll
  for (int j = 0; j < ROWS; j++) {
    if (j < warp || j == ROWS - 1) {  // the last in line is the diagonal, so that indices are constants
      int other = j == ROWS - 1 ? strip : 16 * j;
      int own = strip;
      Sums sum = {};
#pragma unroll
      for (int n = 0; n < N; n += 16) {
        Operand left, right;
        queries.a(left, own, n, lane);
        keys.b(right, other, n, lane);
        multiply(sum, left, right);
      }
      to_operand(scores[j], sum);
    }
  }
  __syncthreads();
  int start[2] = {-1, -1};
#if DOCUMENTS
  start[0] = first[row * chunks * Q + from + strip + g];
  start[1] = first[row * chunks * Q + from + strip + g + 8];
#endif

  fetch(0);
  for (int i = 0; i < count; i++) {
    fetch(i + 1);
    copies_wait<1>();
    __syncthreads();
    char* stage = stages + i % 2 * STAGE;
    Values values(stage);
    State state(stage + Values::BYTES);
    const float* steps = (const float*)(stage + Values::BYTES + State::BYTES);
    const float* log = steps + Q;
    Sums sum[PT / 16] = {};
    from_state(sum, queries, state, strip, lane);
    float own_log[2] = {log[strip + g], log[strip + g + 8]};
    decay_entering(sum, own_log, start);
#pragma unroll
    for (int j = 0; j < ROWS; j++) {
      if (j < warp || j == ROWS - 1) {  // the last in line is the diagonal
        int token = j == ROWS - 1 ? strip : 16 * j;
        Operand right[PT / 16];
#pragma unroll
        for (int p = 0; p < PT / 16; p++) values.b_transposed(right[p], token, 16 * p, lane);
        Operand mixing;
        if (j == ROWS - 1) {
          mix<true>(mixing, scores[j], log, steps, own_log, start, strip + g, token + t2);
        } else {
          mix<false>(mixing, scores[j], log, steps, own_log, start, strip + g, token + t2);
        }
#pragma unroll
        for (int p = 0; p < PT / 16; p++) multiply(sum[p], mixing, right[p]);
      }
    }
    Long head = group * shared + begin + i / P_TILES;
    if (skip != nullptr) add_skipped(sum, values, skip[head], strip + g, t2);
    Element* to = y + row * y_batch + (from + strip + g) * y_time + head * y_head + i % P_TILES * PT;
    store_row<PT / 16>(to, sum, 0, strip + g < valid, lane);
    store_row<PT / 16>(to + 8 * y_time, sum, 1, strip + g + 8 < valid, lane);
    __syncthreads();
  }
}
#endif
