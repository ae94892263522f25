// The gradients of B and C. What goes through states (ssd_backward_states), for each chunk:
//
//   dC[i] = sum over the heads of a group of from_start[i] S^T dy[i]      S the state before the chunk
//   dB[j] = sum over the heads of a group of to_end[j]     dh^T x[j]      dh the gradient of the state after it
//
// One block sums over many heads in registers: per head these would be as large as the states. Then
// ssd_backward_projections adds what goes within the chunk, d(C B^T) B and d(C B^T)^T C, once per group.

#if !WIDE
namespace backward_states {
typedef Tile<Q, NT> Projection;
typedef Tile<Q, PT> Values;
typedef Tile<PT, NT> State;
constexpr int STAGE = Values::BYTES + State::BYTES + Q * 4;
constexpr int SUMS = ROWS * 4 * 2;
constexpr int FIRST = larger(Projection::BYTES, 2 * State::BYTES);  // C for dC, states before the chunk for dB
constexpr int BYTES = FIRST + 2 * STAGE + SUMS;
}  // namespace backward_states
extern "C" __device__ const int ssd_backward_states_bytes = backward_states::BYTES;
extern "C" __device__ const int ssd_backward_states_waits = 1;

// Launch: grid (chunks, groups * splits * N_TILES, batch * 2), THREADS = CHUNK * 2 threads, dynamic shared
// memory backward_states::BYTES. Blocks of even z make dC, of odd z dB.
//
//   x, dy      [batch, time, heads, HEAD_DIM], strides each
//   c          [batch, time, groups, STATE], strides c_batch, c_time, c_group, 1
//   from_start, to_end  from ssd_decay
//   before, after  [batch, chunks, heads, HEAD_DIM, STATE]: states before chunks, gradients of those after them
//   sums       [2, splits, batch, groups, padded time, STATE] fp32: dC, dB
//   carried    [batch, heads, P_TILES, N_TILES, padded time] fp32: from_start[i] dy[i] . (S C[i])
//   through    [batch, heads, P_TILES, N_TILES, chunks] fp32: S . dh
extern "C" __global__ void __launch_bounds__(THREADS, 2) ssd_backward_states(
    const Element* x, Long x_batch, Long x_time, Long x_head, const Element* dy, Long dy_batch, Long dy_time,
    Long dy_head, const Element* c, Long c_batch, Long c_time, Long c_group, const float* from_start,
    const float* to_end, const Element* before, const Element* after, float* sums, float* carried, float* through,
    Long time, Long heads, Long shared, Long splits) {
  wait_for_prerequisites();
  using namespace backward_states;
  int thread = threadIdx.x;
  int lane = thread & 31;
  int warp = thread >> 5;
  int g = lane >> 2;
  int t2 = 2 * (lane & 3);
  int strip = 16 * warp;
  Long chunks = gridDim.x;
  Long chunk = blockIdx.x;
  Long batch = gridDim.z / 2;
  Long row = blockIdx.z / 2;
  bool to_b = blockIdx.z % 2;
  int n_tile = blockIdx.y % N_TILES;
  Long split = blockIdx.y / N_TILES % splits;
  Long group = blockIdx.y / N_TILES / splits;
  Long groups = gridDim.y / N_TILES / splits;
  Long per_split = (shared + splits - 1) / splits;
  Long begin = split * per_split;
  Long end = begin + per_split < shared ? begin + per_split : shared;
  Long from = chunk * Q;
  int valid = time - from < Q ? (int)(time - from) : Q;
  const Element* values_from = to_b ? x + row * x_batch + from * x_time : dy + row * dy_batch + from * dy_time;
  Long values_time = to_b ? x_time : dy_time;
  Long values_head = to_b ? x_head : dy_head;
  const Element* states_from = (to_b ? after : before) + (row * chunks + chunk) * heads * P * N + n_tile * NT;
  const Element* other_states = before + (row * chunks + chunk) * heads * P * N + n_tile * NT;
  const float* weights_from = to_b ? to_end : from_start;
  char* stages = SHARED + FIRST;
  float* warp_sums = (float*)(stages + 2 * STAGE);  // two sets, used in turn

  int count = (int)(end - begin) * P_TILES;
  auto fetch = [&](int i) {
    if (i < count) {
      char* stage = stages + i % 2 * STAGE;
      Long head = group * shared + begin + i / P_TILES;
      int p = i % P_TILES * PT;
      Values(stage).load<THREADS>(values_from + head * values_head + p, values_time, valid, thread);
      State(stage + Values::BYTES).load<THREADS>(states_from + (head * P + p) * N, N, PT, thread);
      load_values<Q>(
          stage + Values::BYTES + State::BYTES,
          weights_from + (row * heads + head) * chunks * Q + from, thread);
      if (to_b) {
        State(SHARED + i % 2 * State::BYTES).load<THREADS>(other_states + (head * P + p) * N, N, PT, thread);
      }
    }
    copies_commit();
  };

  Projection queries(SHARED);
  if (!to_b) {
    queries.load<THREADS>(
        c + row * c_batch + from * c_time + group * c_group + n_tile * NT, c_time, valid, thread);
  }
  Sums sum[NT / 16] = {};
  fetch(0);
  for (int i = 0; i < count; i++) {
    fetch(i + 1);
    copies_wait<1>();
    __syncthreads();
    char* stage = stages + i % 2 * STAGE;
    Values values(stage);
    State state(stage + Values::BYTES);
    const float* weights = (const float*)(stage + Values::BYTES + State::BYTES);
    Long head = group * shared + begin + i / P_TILES;
    Long tile = ((row * heads + head) * P_TILES + i % P_TILES) * N_TILES + n_tile;
    Operand left[PT / 16];
#pragma unroll
    for (int p = 0; p < PT / 16; p++) values.a(left[p], strip, 16 * p, lane);
    float weight0 = weights[strip + g];
    float weight8 = weights[strip + g + 8];
    float dot0 = 0.0f;
    float dot8 = 0.0f;
#pragma unroll
    for (int n = 0; n < NT / 16; n++) {
      Operand right[PT / 16];
#pragma unroll
      for (int p = 0; p < PT / 16; p++) state.b_transposed(right[p], 16 * p, 16 * n, lane);
      Sums part = {};
#pragma unroll
      for (int p = 0; p < PT / 16; p++) multiply(part, left[p], right[p]);
#pragma unroll
      for (int half = 0; half < 2; half++) {
        const float* s = part[half];
        if (!to_b) {
          float c0, c1;
          queries.pair(strip + g, 16 * n + 8 * half + t2, c0, c1);
          dot0 += s[0] * c0 + s[1] * c1;
          queries.pair(strip + g + 8, 16 * n + 8 * half + t2, c0, c1);
          dot8 += s[2] * c0 + s[3] * c1;
        }
        sum[n][half][0] += weight0 * s[0];
        sum[n][half][1] += weight0 * s[1];
        sum[n][half][2] += weight8 * s[2];
        sum[n][half][3] += weight8 * s[3];
      }
    }
    if (!to_b) {
      dot0 = sum_quad(dot0) * weight0;
      dot8 = sum_quad(dot8) * weight8;
      if (t2 == 0) {
        carried[tile * chunks * Q + from + strip + g] = dot0;
        carried[tile * chunks * Q + from + strip + g + 8] = dot8;
      }
    } else {  // here, so that both kinds of block have as much to do
      State other(SHARED + i % 2 * State::BYTES);
      float product = 0.0f;
#pragma unroll
      for (int k = 0; k < (PT * NT / 2 + THREADS - 1) / THREADS; k++) {
        int e = thread + k * THREADS;
        if (PT * NT / 2 % THREADS == 0 || e < PT * NT / 2) {
          int p = e / (NT / 2);
          int n = e % (NT / 2) * 2;
          float mine0, mine1, theirs0, theirs1;
          state.pair(p, n, mine0, mine1);
          other.pair(p, n, theirs0, theirs1);
          product += mine0 * theirs0 + mine1 * theirs1;
        }
      }
      product = sum_between<1, 32>(product);
      if (lane == 0) warp_sums[i % 2 * ROWS + warp] = product;
    }
    __syncthreads();
    if (to_b && thread == 0) {
      float all = 0.0f;
      for (int w = 0; w < ROWS; w++) all += warp_sums[i % 2 * ROWS + w];
      through[tile * chunks + chunk] = all;
    }
  }
  sums += (((to_b ? splits : 0) + split) * batch + row) * groups * chunks * Q * N;
#pragma unroll
  for (int n = 0; n < NT / 8; n++) {
    float* at = sums + (group * chunks * Q + from + strip + g) * N + n_tile * NT + 8 * n + t2;
    const float* s = sum[n / 2][n % 2];
    *(float2*)at = make_float2(s[0], s[1]);
    *(float2*)(at + 8 * N) = make_float2(s[2], s[3]);
  }
}
#endif

namespace backward_projections {
typedef Tile<Q, NT> Projection;
typedef Tile<Q, Q> Scores;
constexpr int BYTES = Projection::BYTES + Scores::BYTES;
}  // namespace backward_projections
extern "C" __device__ const int ssd_backward_projections_bytes = backward_projections::BYTES;
extern "C" __device__ const int ssd_backward_projections_waits = 1;

// Launch: grid (chunks, groups * N_TILES, batch * 2), THREADS = CHUNK * 2 threads, dynamic shared memory
// backward_projections::BYTES. Blocks of even z make dC, of odd z dB.
//
//   b, c       [batch, time, groups, STATE], strides each
//   d_scores   from ssd_backward_x, which had score_splits
//   sums       from ssd_backward_states, which had sum_splits
//   db, dc     [batch, time, groups, STATE], strides each; 16-byte aligned rows
extern "C" __global__ void __launch_bounds__(THREADS, 1) ssd_backward_projections(
    const Element* b, Long b_batch, Long b_time, Long b_group, const Element* c, Long c_batch,
    Long c_time, Long c_group, const float* d_scores, Long score_splits, const float* sums,
    Long sum_splits, Element* db, Long db_batch, Long db_time, Long db_group, Element* dc,
    Long dc_batch, Long dc_time, Long dc_group, Long time) {
  wait_for_prerequisites();
  using namespace backward_projections;
  int thread = threadIdx.x;
  int lane = thread & 31;
  int warp = thread >> 5;
  int g = lane >> 2;
  int t2 = 2 * (lane & 3);
  int strip = 16 * warp;
  Long chunks = gridDim.x;
  Long chunk = blockIdx.x;
  Long batch = gridDim.z / 2;
  Long row = blockIdx.z / 2;
  bool to_b = blockIdx.z % 2;
  int n0 = blockIdx.y % N_TILES * NT;
  Long group = blockIdx.y / N_TILES;
  Long groups = gridDim.y / N_TILES;
  Long from = chunk * Q;
  int valid = time - from < Q ? (int)(time - from) : Q;

  Projection other_side(SHARED);  // C for dB, B for dC
  Scores scores(SHARED + Projection::BYTES);
  const Element* side_from =
      to_b ? c + row * c_batch + from * c_time + group * c_group : b + row * b_batch + from * b_time + group * b_group;
  other_side.load<THREADS>(side_from + n0, to_b ? c_time : b_time, valid, thread);
  copies_commit();
  constexpr int ROUNDS = Q * Q / 4 / THREADS;
  constexpr int AT_ONCE = 8;  // loads under way
  for (int k = 0; k < ROUNDS; k += AT_ONCE) {
    float4 s[AT_ONCE];
#pragma unroll
    for (int m = 0; m < AT_ONCE; m++) s[m] = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
    for (Long split = 0; split < score_splits; split++) {
      const float* from_split = d_scores + (((split * batch + row) * chunks + chunk) * groups + group) * Q * Q;
#pragma unroll
      for (int m = 0; m < AT_ONCE; m++) {
        int e = ((k + m) * THREADS + thread) * 4;
        if (e % Q / 16 < e / Q / 16) continue;
        float4 four = *(const float4*)(from_split + e);
        s[m].x += four.x;
        s[m].y += four.y;
        s[m].z += four.z;
        s[m].w += four.w;
      }
    }
#pragma unroll
    for (int m = 0; m < AT_ONCE; m++) {
      int e = ((k + m) * THREADS + thread) * 4;
      scores.put_pair(e / Q, e % Q, s[m].x, s[m].y);
      scores.put_pair(e / Q, e % Q + 2, s[m].z, s[m].w);
    }
  }
  copies_wait<0>();
  __syncthreads();
  Sums sum[NT / 16] = {};
  for (Long split = 0; split < sum_splits; split++) {
    const float* at = sums
        + ((((to_b * sum_splits + split) * batch + row) * groups + group) * chunks * Q + from + strip + g) * N
        + n0 + t2;
#pragma unroll
    for (int n = 0; n < NT / 8; n++) {
      float* s = sum[n / 2][n % 2];
      float2 near = *(const float2*)(at + 8 * n);
      float2 far = *(const float2*)(at + 8 * n + 8 * N);
      s[0] += near.x;
      s[1] += near.y;
      s[2] += far.x;
      s[3] += far.y;
    }
  }
  for (int other = to_b ? warp : 0; other < (to_b ? ROWS : warp + 1); other++) {
    Operand left;
    if (to_b) {
      scores.a(left, strip, 16 * other, lane);
    } else {
      scores.a_transposed(left, 16 * other, strip, lane);
    }
#pragma unroll
    for (int n = 0; n < NT / 16; n++) {
      Operand right;
      other_side.b_transposed(right, 16 * other, 16 * n, lane);
      multiply(sum[n], left, right);
    }
  }
  Element* to = to_b ? db + row * db_batch + group * db_group : dc + row * dc_batch + group * dc_group;
  Long to_time = to_b ? db_time : dc_time;
  to += (from + strip + g) * to_time + n0;
  store_row<NT / 16>(to, sum, 0, strip + g < valid, lane);
  store_row<NT / 16>(to + 8 * to_time, sum, 1, strip + g + 8 < valid, lane);
}
