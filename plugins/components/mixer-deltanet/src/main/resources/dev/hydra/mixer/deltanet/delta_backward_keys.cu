// The gradients of queries and keys, KT channels a block:
//   dQ = from_start * dy S^T + d_scores K
//   dK = to_end * written dS'^T + d_scores^T Q - from_start * dV S^T - (d_coupling + d_coupling^T) K
// and of what log decays scale, that which goes from or to states.
//
// Launch: grid (K_TILES * chunks, heads, batch), THREADS threads, dynamic shared memory
// backward_keys::BYTES.
//
//   q, k, dy, dv  inputs
//   from_start, to_end, total  from delta_decay
//   states, written  from delta_states, after from delta_backward_states
//   d_scores, d_coupling  from delta_backward_values
//   dq, dk    [batch, time, heads, KEY_DIM], strides NAME_batch, NAME_time, NAME_head, 1; rows aligned
//   entered   [batch, heads, K_TILES, padded time] fp32: from the state before the chunk to a token
//   left      [batch, heads, K_TILES, padded time] fp32: from a token to the state after the chunk
//   through   [batch, heads, K_TILES, chunks] fp32: from the one state to the other
namespace backward_keys {
constexpr int SQUARES = 2 * SquareTile::BYTES;
constexpr int STAGE = larger(3 * ValueTile::BYTES + 2 * StateTile::BYTES, 2 * KeyTile::BYTES);
constexpr int BYTES = SQUARES + STAGE;
constexpr int COUNT = KT / 16;

// sum += a strip of values times a part of a state's transpose.
__device__ __forceinline__ void read(
    Sums (&sum)[COUNT], const ValueTile& values, const StateTile& state, int strip, int lane) {
#pragma unroll
  for (int v = 0; v < VT; v += 16) {
    Operand left;
    values.a(left, strip, v, lane);
#pragma unroll
    for (int p = 0; p < COUNT; p++) {
      Operand right;
      state.b(right, 16 * p, v, lane);
      multiply(sum[p], left, right);
    }
  }
}

// sum += a 16 x 16 block times 16 tokens.
__device__ __forceinline__ void add(
    Sums (&sum)[COUNT], const Operand& left, const KeyTile& tokens, int from, int lane) {
#pragma unroll
  for (int p = 0; p < COUNT; p++) {
    Operand right;
    tokens.b_transposed(right, from, 16 * p, lane);
    multiply(sum[p], left, right);
  }
}
}  // namespace backward_keys
extern "C" __device__ const int delta_backward_keys_bytes = backward_keys::BYTES;

extern "C" __global__ void __launch_bounds__(THREADS) delta_backward_keys(
    const Element* q, Long q_batch, Long q_time, Long q_head, const Element* k, Long k_batch,
    Long k_time, Long k_head, const Element* dy, Long dy_batch, Long dy_time, Long dy_head,
    const Element* dv, Long dv_batch, Long dv_time, Long dv_head, const float* from_start,
    const float* to_end, const float* total, const Element* states, const Element* written,
    const Element* after, const Element* d_scores, const Element* d_coupling, Element* dq,
    Long dq_batch, Long dq_time, Long dq_head, Element* dk, Long dk_batch, Long dk_time,
    Long dk_head, float* entered, float* left, float* through, Long time, Long chunks) {
  using namespace backward_keys;
  __shared__ float entering[C], leaving[C], parts[STRIPS];
  int thread = threadIdx.x;
  int lane = thread & 31;
  int warp = thread >> 5;
  int strip = 16 * warp;
  int own = strip + (lane >> 2);
  Place at(blockIdx.x / K_TILES, chunks, time);
  int tile = blockIdx.x % K_TILES;
  int n0 = tile * KT;
  SquareTile scoring(SHARED);
  SquareTile coupling(SHARED + SquareTile::BYTES);
  char* stage = SHARED + SQUARES;
  scoring.load<THREADS>(d_scores + at.matrix() * C * C, C, C, thread);
  coupling.load<THREADS>(d_coupling + at.matrix() * C * C, C, C, thread);
  copy_values(entering, from_start + at.token(), thread);
  copy_values(leaving, to_end + at.token(), thread);

  Sums reading[COUNT] = {};  // dy S^T, then all of dQ
  Sums kept[COUNT] = {};     // written dS'^T, then what is added to dK
  Sums taken[COUNT] = {};    // dV S^T, then what is taken from dK
  float same = 0.0f;         // S . dS'
  ValueTile outward(stage);
  ValueTile wrote(stage + ValueTile::BYTES);
  ValueTile d_values(stage + 2 * ValueTile::BYTES);
  StateTile state(stage + 3 * ValueTile::BYTES);
  StateTile d_state(stage + 3 * ValueTile::BYTES + StateTile::BYTES);
  for (int v = 0; v < V; v += VT) {
    Long cut = at.matrix() * K * V + n0 * V + v;
    outward.load<THREADS>(at.of(dy, dy_batch, dy_time, dy_head) + v, dy_time, at.valid, thread);
    wrote.load<THREADS>(written + at.token() * V + v, V, C, thread);
    d_values.load<THREADS>(at.of(dv, dv_batch, dv_time, dv_head) + v, dv_time, at.valid, thread);
    state.load<THREADS>(states + cut, V, KT, thread);
    d_state.load<THREADS>(after + cut, V, KT, thread);
    copies_arrive();
    read(reading, outward, state, strip, lane);
    read(kept, wrote, d_state, strip, lane);
    read(taken, d_values, state, strip, lane);
    for (int i = thread; i < KT * VT / 2; i += THREADS) {
      float a, b, c, d;
      state.pair(i / (VT / 2), i % (VT / 2) * 2, a, b);
      d_state.pair(i / (VT / 2), i % (VT / 2) * 2, c, d);
      same += a * c + b * d;
    }
    __syncthreads();
  }

  KeyTile queries(stage);
  KeyTile keys(stage + KeyTile::BYTES);
  queries.load<THREADS>(at.of(q, q_batch, q_time, q_head) + n0, q_time, at.valid, thread);
  keys.load<THREADS>(at.of(k, k_batch, k_time, k_head) + n0, k_time, at.valid, thread);
  copies_arrive();
  float enters[2] = {0.0f, 0.0f};
  float leaves[2] = {0.0f, 0.0f};
#pragma unroll
  for (int p = 0; p < COUNT; p++) {
#pragma unroll
    for (int e = 0; e < 4; e++) {
      int half = e / 2;
      int row = own + 8 * (e % 2);
      int column = 16 * p + 8 * half + 2 * (lane & 3);
      float asking[2], key[2];
      queries.pair(row, column, asking[0], asking[1]);
      keys.pair(row, column, key[0], key[1]);
#pragma unroll
      for (int i = 0; i < 2; i++) {
        int at_sum = 2 * (e % 2) + i;
        reading[p][half][at_sum] *= entering[row];
        kept[p][half][at_sum] *= leaving[row];
        taken[p][half][at_sum] *= entering[row];
        enters[e % 2] += asking[i] * reading[p][half][at_sum] - key[i] * taken[p][half][at_sum];
        leaves[e % 2] += key[i] * kept[p][half][at_sum];
      }
    }
  }
#pragma unroll
  for (int j = 0; j < STRIPS; j++) {
    Operand block;
    if (j <= warp) {
      scoring.a(block, strip, 16 * j, lane);
      add(reading, block, keys, 16 * j, lane);
      coupling.a(block, strip, 16 * j, lane);
      add(taken, block, keys, 16 * j, lane);
    }
    if (j >= warp) {
      scoring.a_transposed(block, 16 * j, strip, lane);
      add(kept, block, queries, 16 * j, lane);
      coupling.a_transposed(block, 16 * j, strip, lane);
      add(taken, block, keys, 16 * j, lane);
    }
  }
#pragma unroll
  for (int p = 0; p < COUNT; p++) {
#pragma unroll
    for (int e = 0; e < 8; e++) kept[p][e / 4][e % 4] -= taken[p][e / 4][e % 4];
  }
  store_rows<COUNT>(
      at.of(dq, dq_batch, dq_time, dq_head) + n0, dq_time, reading, strip, at.valid, lane);
  store_rows<COUNT>(
      at.of(dk, dk_batch, dk_time, dk_head) + n0, dk_time, kept, strip, at.valid, lane);

  Long part = at.sequence() * K_TILES + tile;
#pragma unroll
  for (int half = 0; half < 2; half++) {
    float enter = sum_quad(enters[half]);
    float leave = sum_quad(leaves[half]);
    if ((lane & 3) == 0) {
      entered[(part * chunks + at.chunk) * C + own + 8 * half] = enter;
      left[(part * chunks + at.chunk) * C + own + 8 * half] = leave;
    }
  }
  same = sum_between<1, 32>(same);
  if (lane == 0) parts[warp] = same;
  __syncthreads();
  if (thread == 0) {
    float all = 0.0f;
#pragma unroll
    for (int w = 0; w < STRIPS; w++) all += parts[w];
    through[part * chunks + at.chunk] = all * total[at.matrix()];
  }
}
