// The gradients of the states between chunks, from the last to the first, and of what tokens write:
//   d_written = (pairs * Q K^T)^T dy + to_end * K dS'
//   dS = total dS' + (from_start * Q)^T dy - removed^T d_written
//
// Launch: grid (VALUE_DIM / SWEEP_V, heads, batch), sweep::WORKERS threads, dynamic shared memory
// backward::BYTES.
//
//   q, k, dy  inputs
//   from_start, to_end, total  from delta_decay
//   removed   from delta_prepare
//   d_written [batch, heads, padded time, VALUE_DIM] Element: from delta_backward_output, which
//             becomes the whole gradient
//   d_last    [batch, heads, KEY_DIM, VALUE_DIM] fp32 or null: zeros
//   after     [batch, heads, chunks, KEY_DIM, VALUE_DIM] Element: the gradient of the states after chunks
//   d_initial [batch, heads, KEY_DIM, VALUE_DIM] fp32 or null
namespace backward {
using namespace sweep;
constexpr int STAGE = 3 * Keys::BYTES + 2 * Values::BYTES;
constexpr int KEPT = State::BYTES + Values::BYTES;
constexpr int STAGES = stages(STAGE, KEPT);
// Where there is no room for all of a chunk, its queries take the place of its keys.
constexpr bool CROWDED = STAGE + KEPT > SHARED_BYTES;
constexpr int BYTES = STAGES * STAGE + KEPT - (CROWDED ? Keys::BYTES : 0);
}  // namespace backward
extern "C" __device__ const int delta_backward_states_bytes = backward::BYTES;

extern "C" __global__ void __launch_bounds__(sweep::WORKERS, 1) delta_backward_states(
    const Element* q, Long q_batch, Long q_time, Long q_head, const Element* k, Long k_batch,
    Long k_time, Long k_head, const Element* dy, Long dy_batch, Long dy_time, Long dy_head,
    const float* from_start, const float* to_end, const float* total, const Element* removed,
    Element* d_written, const float* d_last, Element* after, float* d_initial, Long time,
    Long chunks) {
  using namespace backward;
  int thread = threadIdx.x;
  int lane = thread & 31;
  int warp = thread >> 5;
  int v0 = blockIdx.x * SWEEP_V;
  Place at(0, chunks, time);
  State state(SHARED + BYTES - KEPT);
  Values taken(SHARED + BYTES - Values::BYTES);
  q = at.of(q, q_batch, q_time, q_head);
  k = at.of(k, k_batch, k_time, k_head);
  dy = at.of(dy, dy_batch, dy_time, dy_head) + v0;
  from_start += at.token();
  to_end += at.token();
  total += at.matrix();
  removed += at.token() * K;
  d_written += at.token() * V + v0;
  after += at.matrix() * K * V + v0;
  constexpr int QUERIES = 2 * Values::BYTES + (CROWDED ? 1 : 2) * Keys::BYTES;

  auto fetch_queries = [&](Long z) {
    Place there(z, chunks, time);
    Keys(SHARED + z % STAGES * STAGE + QUERIES)
        .load<WORKERS>(q + z * C * q_time, q_time, there.valid, thread);
  };
  auto fetch = [&](Long z) {
    if (z >= 0) {
      char* stage = SHARED + z % STAGES * STAGE;
      Long t = z * C;
      Place there(z, chunks, time);
      Values(stage).load<WORKERS>(d_written + t * V, V, C, thread);
      Values(stage + Values::BYTES).load<WORKERS>(dy + t * dy_time, dy_time, there.valid, thread);
      stage += 2 * Values::BYTES;
      Keys(stage).load<WORKERS>(removed + t * K, K, C, thread);
      Keys(stage + Keys::BYTES).load<WORKERS>(k + t * k_time, k_time, there.valid, thread);
      if (!CROWDED) fetch_queries(z);
    }
    copies_commit();
  };

  Held held = {};
  if (d_last != nullptr) {
    const float* from = d_last + at.sequence() * K * V;
    each_element(held, v0, warp, lane, [&](float& value, int index) { value = from[index]; });
  }
  int strip = warp % STRIPS * 16;
  int value = warp / STRIPS * TOKEN_PER * 16;
  bool reads = warp < STRIPS * TOKEN_SHARING;
  int token = strip + (lane >> 2);
  Pair next_leaving(to_end, chunks - 1, chunks, token);
  Pair next_entering(from_start, chunks - 1, chunks, token);
  float next_passing = total[chunks - 1];
#pragma unroll
  for (int ahead = 0; ahead < STAGES - 1; ahead++) fetch(chunks - 1 - ahead);
  for (Long z = chunks - 1; z >= 0; z--) {
    if (STAGES == 1) {
      __syncthreads();
      fetch(z);
    }
    leave(held, state, after + z * K * V, warp, lane);
    copies_wait<STAGES == 1 ? 0 : STAGES - 2>();
    __syncthreads();
    if (STAGES > 1) fetch(z - (STAGES - 1));
    Pair leaving = next_leaving;
    Pair entering = next_entering;
    float passing = next_passing;
    next_leaving = Pair(to_end, z - 1, chunks, token);
    next_entering = Pair(from_start, z - 1, chunks, token);
    if (z > 0) next_passing = total[z - 1];
    char* stage = SHARED + z % STAGES * STAGE;
    Values direct(stage);
    Values outward(stage + Values::BYTES);
    Keys removing(stage + 2 * Values::BYTES);
    Keys keys(stage + 2 * Values::BYTES + Keys::BYTES);
    Keys queries(stage + QUERIES);
    if (reads) {
      Sums sum[TOKEN_PER] = {};
      read(sum, keys, state, strip, value, lane);
#pragma unroll
      for (int p = 0; p < TOKEN_PER; p++) {
        each_pair(sum[p], strip, value + 16 * p, lane,
            [&](float& first, float& second, int row, int column, int lower) {
              float here, next;
              direct.pair(row, column, here, next);
              first = here + leaving.at[lower] * first;
              second = next + leaving.at[lower] * second;
              taken.put_pair(row, column, -first, -second);
              outward.pair(row, column, here, next);
              outward.put_pair(row, column, entering.at[lower] * here, entering.at[lower] * next);
            });
      }
      store_rows<TOKEN_PER>(d_written + z * C * V + value, V, sum, strip, C, lane);
    }
    scale(held, passing);
    __syncthreads();
    if (CROWDED) {
      fetch_queries(z);
      copies_arrive();
    }
    add(held, queries, outward, warp, lane);
    add(held, removing, taken, warp, lane);
  }
  if (d_initial != nullptr) {
    float* to = d_initial + at.sequence() * K * V;
    each_element(held, v0, warp, lane, [&](float& value, int index) { to[index] = value; });
  }
}
