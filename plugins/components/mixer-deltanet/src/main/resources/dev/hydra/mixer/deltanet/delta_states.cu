// The states between chunks, and what tokens write given the state before their chunk.
//
// Launch: grid (VALUE_DIM / SWEEP_V, heads, batch), sweep::WORKERS threads, dynamic shared memory
// forward::BYTES.
//
//   k         an input
//   to_end, total  from delta_decay
//   removed   from delta_prepare
//   written   [batch, heads, padded time, VALUE_DIM] Element: added, from delta_prepare, which
//             becomes what is written
//   initial   [batch, heads, KEY_DIM, VALUE_DIM] fp32 or null: zeros
//   states    [batch, heads, chunks, KEY_DIM, VALUE_DIM] Element, before chunks
//   last      [batch, heads, KEY_DIM, VALUE_DIM] fp32 or null
namespace forward {
using namespace sweep;
constexpr int STAGE = 2 * Keys::BYTES + Values::BYTES;
constexpr int KEPT = State::BYTES + Values::BYTES;
constexpr int STAGES = stages(STAGE, KEPT);
constexpr int BYTES = STAGES * STAGE + KEPT;
}  // namespace forward
extern "C" __device__ const int delta_states_bytes = forward::BYTES;

extern "C" __global__ void __launch_bounds__(sweep::WORKERS, 1) delta_states(
    const Element* k, Long k_batch, Long k_time, Long k_head, const float* to_end,
    const float* total, const Element* removed, Element* written, const float* initial,
    Element* states, float* last, Long time, Long chunks) {
  using namespace forward;
  int thread = threadIdx.x;
  int lane = thread & 31;
  int warp = thread >> 5;
  int v0 = blockIdx.x * SWEEP_V;
  Place at(0, chunks, time);
  State state(SHARED + STAGES * STAGE);
  Values writing(SHARED + STAGES * STAGE + State::BYTES);
  k = at.of(k, k_batch, k_time, k_head);
  to_end += at.token();
  total += at.matrix();
  removed += at.token() * K;
  written += at.token() * V + v0;
  states += at.matrix() * K * V + v0;

  auto fetch = [&](Long z) {
    if (z < chunks) {
      char* stage = SHARED + z % STAGES * STAGE;
      Long t = z * C;
      Place there(z, chunks, time);
      Keys(stage).load<WORKERS>(removed + t * K, K, C, thread);
      Keys(stage + Keys::BYTES).load<WORKERS>(k + t * k_time, k_time, there.valid, thread);
      Values(stage + 2 * Keys::BYTES).load<WORKERS>(written + t * V, V, C, thread);
    }
    copies_commit();
  };

  Held held = {};
  if (initial != nullptr) {
    const float* from = initial + at.sequence() * K * V;
    each_element(held, v0, warp, lane, [&](float& value, int index) { value = from[index]; });
  }
  int strip = warp % STRIPS * 16;
  int value = warp / STRIPS * TOKEN_PER * 16;
  bool reads = warp < STRIPS * TOKEN_SHARING;
  int token = strip + (lane >> 2);
  Pair next_leaving(to_end, 0, chunks, token);
  float next_passing = total[0];
#pragma unroll
  for (int z = 0; z < STAGES - 1; z++) fetch(z);
  for (Long z = 0; z < chunks; z++) {
    if (STAGES == 1) {
      __syncthreads();
      fetch(z);
    }
    leave(held, state, states + z * K * V, warp, lane);
    copies_wait<STAGES == 1 ? 0 : STAGES - 2>();
    __syncthreads();
    if (STAGES > 1) fetch(z + STAGES - 1);
    Pair leaving = next_leaving;
    float passing = next_passing;
    next_leaving = Pair(to_end, z + 1, chunks, token);
    if (z + 1 < chunks) next_passing = total[z + 1];
    char* stage = SHARED + z % STAGES * STAGE;
    Keys removing(stage);
    Keys keys(stage + Keys::BYTES);
    Values added(stage + 2 * Keys::BYTES);
    if (reads) {
      Sums sum[TOKEN_PER] = {};
      read(sum, removing, state, strip, value, lane);
#pragma unroll
      for (int p = 0; p < TOKEN_PER; p++) {
        each_pair(sum[p], strip, value + 16 * p, lane,
            [&](float& first, float& second, int row, int column, int lower) {
              float here, next;
              added.pair(row, column, here, next);
              first = here - first;
              second = next - second;
              writing.put_pair(row, column, leaving.at[lower] * first, leaving.at[lower] * second);
            });
      }
      store_rows<TOKEN_PER>(written + z * C * V + value, V, sum, strip, C, lane);
    }
    scale(held, passing);
    __syncthreads();
    add(held, keys, writing, warp, lane);
  }
  if (last != nullptr) {
    float* to = last + at.sequence() * K * V;
    each_element(held, v0, warp, lane, [&](float& value, int index) { to[index] = value; });
  }
}
