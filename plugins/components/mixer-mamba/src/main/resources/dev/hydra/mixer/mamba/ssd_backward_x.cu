// The gradient of x, what the gradient of dt needs from within a chunk, and the gradient of C B^T.
//
// With u = step x, dh the gradient of the state after the chunk and decay[i][j] = exp2(logs[i] - logs[j]):
//
//   du[j] = (to_end[j] / step[j]) dh B[j] + sum over i >= j of decay[i][j] (C[i] . B[j]) dy[i]
//   dx[j] = step[j] du[j] + D dy[j]
//   d(C B^T)[i][j] = sum over the heads of a group of decay[i][j] (dy[i] . u[j])
//
// Each warp has a strip of 16 tokens j and works on transposes [j][i], so that the products of one
// step are operands of the next without leaving registers. d(C B^T) stays in registers over all heads.
//
// What the log decay at t scales is all that goes from before t to t or later:
//   dlog[t] = sum of W[i][j] over j < t <= i, W[i][j] = decay[i][j] (C[i] . B[j]) (dy[i] . u[j])
//           + sum over i >= t of carried[i] + sum over j < t of kept[j] + through
// (carried: from the state before the chunk to y[i]; kept: from u[j] to the state after it; through: from the
// one state to the other). All are sums of products as they are, never differences of large numbers
// but for W, where the rows' and the columns' sums are of the very same float32 numbers.
//
// Launch: grid (chunks, groups * splits, batch), THREADS = CHUNK * 2 threads, dynamic shared memory
// backward_x::BYTES.
//
//   x, dy      [batch, time, heads, HEAD_DIM], strides each
//   b, c       [batch, time, groups, STATE], strides each
//   step, logs, first  from ssd_decay
//   after      [batch, chunks, heads, HEAD_DIM, STATE], the gradient of the states after chunks
//   skip       D [heads] or null
//   dx         [batch, time, heads, HEAD_DIM], strides dx_*; 16-byte aligned rows
//   d_scores   [splits, batch, chunks, groups, CHUNK j, CHUNK i] fp32; 16 x 16 blocks with all i < j are not written
//   flow, kept, direct, skipped  [batch, heads, P_TILES, padded time] fp32, per t:
//     sum of W[t][j] less sum of W[i][t]; kept[t]; du[t] . x[t]; dy[t] . x[t]
//
// This one is for devices and shapes whose warps multiply each for itself; that of WIDE begins in
// ssd_backward_x_block.cu.
#if !WIDE
namespace backward_x {
typedef Tile<Q, N> Projection;
typedef Tile<Q, PT> Values;
typedef Tile<PT, N> State;
constexpr int STAGES = 2;
constexpr int STAGE = 2 * Values::BYTES + State::BYTES + 2 * Q * 4;
constexpr int SUMS = (ROWS + 2) * Q * 4;
constexpr int BYTES = Projection::BYTES + SUMS + larger(STAGES * STAGE, Projection::BYTES);
}  // namespace backward_x
extern "C" __device__ const int ssd_backward_x_bytes = backward_x::BYTES;
extern "C" __device__ const int ssd_backward_x_waits = 1;

extern "C" __global__ void __launch_bounds__(THREADS, 1) ssd_backward_x(
    const Element* x, Long x_batch, Long x_time, Long x_head, const Element* dy, Long dy_batch, Long dy_time,
    Long dy_head, const Element* b, Long b_batch, Long b_time, Long b_group, const Element* c, Long c_batch,
    Long c_time, Long c_group, const float* step, const float* logs, const int* first, const Element* after,
    const float* skip, Element* dx, Long dx_batch, Long dx_time, Long dx_head, float* d_scores, float* flow,
    float* kept, float* direct, float* skipped, Long time, Long heads, Long shared, Long splits) {
  wait_for_prerequisites();
  using namespace backward_x;
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
  Long groups = gridDim.y / splits;
  Long split = blockIdx.y % splits;
  Long per_split = (shared + splits - 1) / splits;
  Long begin = split * per_split;
  Long end = begin + per_split < shared ? begin + per_split : shared;
  Long from = chunk * Q;
  int valid = time - from < Q ? (int)(time - from) : Q;
  char* stages = SHARED + Projection::BYTES;
  float* row_sums = (float*)(stages + larger(STAGES * STAGE, Projection::BYTES));  // [warp][i]
  float* column_sums = row_sums + ROWS * Q;                                   // [j]
#if DOCUMENTS
  int* starts = (int*)(column_sums + Q);                   // first, of the chunk
#endif

  int count = (int)(end - begin) * P_TILES;
  auto fetch = [&](int i) {
    if (i < count) {
      char* stage = stages + i % STAGES * STAGE;
      Long head = group * shared + begin + i / P_TILES;
      int p = i % P_TILES * PT;
      const Element* x_from = x + row * x_batch + from * x_time + head * x_head + p;
      Values(stage).load<THREADS>(x_from, x_time, valid, thread);
      Values(stage + Values::BYTES)
          .load<THREADS>(
              dy + row * dy_batch + from * dy_time + head * dy_head + p, dy_time, valid, thread);
      State(stage + 2 * Values::BYTES)
          .load<THREADS>(
              after + (((row * chunks + chunk) * heads + head) * P + p) * N, N, PT, thread);
      Long at = (row * heads + head) * chunks * Q + from;
      char* values = stage + 2 * Values::BYTES + State::BYTES;
      load_values<Q>(values, step + at, thread);
      load_values<Q>(values + Q * 4, logs + at, thread);
    }
    copies_commit();
  };

  Projection keys(SHARED);
  Projection queries(stages);
  const Element* keys_from = b + row * b_batch + from * b_time + group * b_group;
  keys.load<THREADS>(keys_from, b_time, valid, thread);
  queries.load<THREADS>(c + row * c_batch + from * c_time + group * c_group, c_time, valid, thread);
#if DOCUMENTS
  if (thread < Q) starts[thread] = first[row * chunks * Q + from + thread];
#endif
  copies_arrive();
  // Blocks of 16 tokens i that see this strip: the diagonal and those after it. The diagonal is at
  // index 0, where none of those after it can be, so that indices are constants.
  Operand scores[ROWS];
  Sums sum_scores[ROWS] = {};
#pragma unroll
  for (int to = 0; to < ROWS; to++) {
    if (to > warp || to == 0) {
      int token = to == 0 ? strip : 16 * to;
      Sums sum = {};
#pragma unroll
      for (int n = 0; n < N; n += 16) {
        Operand left, right;
        keys.a(left, strip, n, lane);
        queries.b(right, token, n, lane);
        multiply(sum, left, right);
      }
      to_operand(scores[to], sum);
    }
  }
  __syncthreads();

#pragma unroll
  for (int i = 0; i < STAGES - 1; i++) fetch(i);
  for (int i = 0; i < count; i++) {
    copies_wait<STAGES - 2>();
    __syncthreads();
    fetch(i + STAGES - 1);
    char* stage = stages + i % STAGES * STAGE;
    Values values(stage);
    Values gradients(stage + Values::BYTES);
    State state(stage + 2 * Values::BYTES);
    const float* steps = (const float*)(stage + 2 * Values::BYTES + State::BYTES);
    const float* log = steps + Q;
    Long head = group * shared + begin + i / P_TILES;
    Long out = ((row * heads + head) * P_TILES + i % P_TILES) * chunks * Q + from;
    float own_log[2] = {log[strip + g], log[strip + g + 8]};
    float own_step[2] = {steps[strip + g], steps[strip + g + 8]};

    // From the state after the chunk.
    Sums sum[PT / 16] = {};
    from_state(sum, keys, state, strip, lane);
    float dots[2] = {0.0f, 0.0f};
#pragma unroll
    for (int second = 0; second < 2; second++) {
      float leaving = exp2_fast(fminf(log[Q - 1] - own_log[second], 0.0f));
#if DOCUMENTS
      if (strip + g + 8 * second < starts[Q - 1]) leaving = 0.0f;
#endif
#pragma unroll
      for (int p = 0; p < PT / 8; p++) {
        float* s = sum[p / 2][p % 2] + 2 * second;
        float x0, x1;
        values.pair(strip + g + 8 * second, 8 * p + t2, x0, x1);
        s[0] *= leaving;
        s[1] *= leaving;
        dots[second] += s[0] * x0 + s[1] * x1;
      }
      dots[second] = sum_quad(dots[second]) * own_step[second];
    }
    if (t2 == 0) {
      kept[out + strip + g] = dots[0];
      kept[out + strip + g + 8] = dots[1];
    }

    // From the outputs of the chunk.
    float columns[2] = {0.0f, 0.0f};
    // Of a block with the tokens i from `token` on, whose dy x^T is d: what multiplies dy, and its share of sums.
    auto mix_block = [&](Operand& mixing, const Sums& d, const Operand& score, Sums& sum_score, int token, bool diagonal) {
      float rows[4] = {0.0f, 0.0f, 0.0f, 0.0f};
#pragma unroll
      for (int r = 0; r < 4; r++) {  // register r: row g + 8 (r % 2), columns t2 + 8 (r / 2) and on
        int second = r % 2;
        int here = strip + g + 8 * second;
        int column = token + 8 * (r / 2) + t2;
        float2 other = *(const float2*)(log + column);
        float a = other.x - own_log[second];
        float z = other.y - own_log[second];
        if (diagonal) {
          a = fminf(a, 0.0f);
          z = fminf(z, 0.0f);
        }
        a = exp2_fast(a);
        z = exp2_fast(z);
        if (diagonal && column < here) a = 0.0f;
        if (diagonal && column + 1 < here) z = 0.0f;
#if DOCUMENTS
        if (here < starts[column]) a = 0.0f;
        if (here < starts[column + 1]) z = 0.0f;
#endif
        float mixing_a = a * low(score, r);
        float mixing_z = z * high(score, r);
        set(mixing, r, mixing_a, mixing_z);
        float d_a = d[r / 2][2 * second] * own_step[second];
        float d_z = d[r / 2][2 * second + 1] * own_step[second];
        sum_score[r / 2][2 * second] += d_a * a;
        sum_score[r / 2][2 * second + 1] += d_z * z;
        mixing_a *= d_a;
        mixing_z *= d_z;
        columns[second] += mixing_a + mixing_z;
        rows[r / 2 * 2] += mixing_a;
        rows[r / 2 * 2 + 1] += mixing_z;
      }
      float over = sum_rows(rows, lane);
      if (lane < 16) {
        row_sums[warp * Q + token + (lane & 4) * 2 + t2 + (lane >> 3)] = over;
      }
    };
    Operand own_values[PT / 16];
#pragma unroll
    for (int p = 0; p < PT / 16; p++) values.a(own_values[p], strip, 16 * p, lane);
#pragma unroll
    for (int to = 0; to < ROWS; to++) {
      if (to > warp || to == 0) {
        int token = to == 0 ? strip : 16 * to;
        Operand right[PT / 16];
#pragma unroll
        for (int p = 0; p < PT / 16; p++) gradients.b(right[p], token, 16 * p, lane);
        Sums d = {};
#pragma unroll
        for (int p = 0; p < PT / 16; p++) multiply(d, own_values[p], right[p]);
#pragma unroll
        for (int p = 0; p < PT / 16; p++) gradients.b_transposed(right[p], token, 16 * p, lane);
        Operand mixing;
        mix_block(mixing, d, scores[to], sum_scores[to], token, to == 0);
#pragma unroll
        for (int p = 0; p < PT / 16; p++) multiply(sum[p], mixing, right[p]);
      }
    }

    float d = skip == nullptr ? 0.0f : skip[head];
#pragma unroll
    for (int second = 0; second < 2; second++) {
      int here = strip + g + 8 * second;
      float to_step = 0.0f;
      float to_skip = 0.0f;
#pragma unroll
      for (int p = 0; p < PT / 8; p++) {
        float* s = sum[p / 2][p % 2] + 2 * second;
        float x0, x1, dy0, dy1;
        values.pair(strip + g + 8 * second, 8 * p + t2, x0, x1);
        gradients.pair(here, 8 * p + t2, dy0, dy1);
        to_step += s[0] * x0 + s[1] * x1;
        to_skip += dy0 * x0 + dy1 * x1;
        s[0] = s[0] * own_step[second] + d * dy0;
        s[1] = s[1] * own_step[second] + d * dy1;
      }
      to_step = sum_quad(to_step);
      to_skip = sum_quad(to_skip);
      float column = sum_quad(columns[second]);
      if (t2 == 0) {
        direct[out + here] = to_step;
        skipped[out + here] = to_skip;
        column_sums[here] = column;
      }
      Element* to = dx + row * dx_batch + (from + here) * dx_time + head * dx_head + i % P_TILES * PT;
      store_row<PT / 16>(to, sum, second, here < valid, lane);
    }
    __syncthreads();
    if (thread < Q) {
      float total = -column_sums[thread];
#pragma unroll
      for (int w = 0; w < ROWS; w++) {
        if (w <= thread / 16) total += row_sums[w * Q + thread];
      }
      flow[out + thread] = total;
    }
  }
  d_scores += (((split * gridDim.z + row) * chunks + chunk) * groups + group) * Q * Q;
#pragma unroll
  for (int to = 0; to < ROWS; to++) {
    if (to > warp || to == 0) {
      int token = to == 0 ? strip : 16 * to;
#pragma unroll
      for (int r = 0; r < 4; r++) {
        float* at = d_scores + (strip + g + 8 * (r % 2)) * Q + token + 8 * (r / 2) + t2;
        const float* s = sum_scores[to][r / 2] + 2 * (r % 2);
        *(float2*)at = make_float2(s[0], s[1]);
      }
    }
  }
}
#endif
