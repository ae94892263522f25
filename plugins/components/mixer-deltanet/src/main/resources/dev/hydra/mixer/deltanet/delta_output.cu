// y = from_start * Q S + (pairs * Q K^T) written, chunk by chunk.
//
// Launch: grid (chunks, heads, batch), THREADS threads, dynamic shared memory output::BYTES.
//
//   q, k     inputs
//   sums, from_start, first  from delta_decay
//   states, written  from delta_states
//   y        [batch, time, heads, VALUE_DIM], strides y_batch, y_time, y_head, 1; rows aligned
namespace output {
constexpr int QUERIES = K_TILES * KeyTile::BYTES;
constexpr int STAGE = K_TILES * StateTile::BYTES + ValueTile::BYTES;
constexpr int BYTES = QUERIES + larger(STAGE, QUERIES);  // the keys make room for what follows
}  // namespace output
extern "C" __device__ const int delta_output_bytes = output::BYTES;

extern "C" __global__ void __launch_bounds__(THREADS) delta_output(
    const Element* q, Long q_batch, Long q_time, Long q_head, const Element* k, Long k_batch,
    Long k_time, Long k_head, const float* sums, const float* from_start, const int* first,
    const Element* states, const Element* written, Element* y, Long y_batch, Long y_time,
    Long y_head, Long time) {
  using namespace output;
  __shared__ float sum[C], entering[C];
  __shared__ int start[C];
  int thread = threadIdx.x;
  int lane = thread & 31;
  int warp = thread >> 5;
  int strip = 16 * warp;
  Place at(blockIdx.x, gridDim.x, time);
  char* queries = SHARED;
  char* stage = SHARED + QUERIES;
  load_tiles<KT, K>(queries, at.of(q, q_batch, q_time, q_head), q_time, at.valid, thread);
  load_tiles<KT, K>(stage, at.of(k, k_batch, k_time, k_head), k_time, at.valid, thread);
  copy_values(sum, sums + at.token(), thread);
  copy_values(entering, from_start + at.token(), thread);
  copy_starts(start, first, at, thread);
  copies_arrive();

  Sums scores[STRIPS] = {};
#pragma unroll
  for (int tile = 0; tile < K_TILES; tile++) {
    KeyTile own(queries + tile * KeyTile::BYTES);
    KeyTile others(stage + tile * KeyTile::BYTES);
#pragma unroll
    for (int n = 0; n < KT; n += 16) {
      Operand left;
      own.a(left, strip, n, lane);
#pragma unroll
      for (int j = 0; j < STRIPS; j++) {
        if (j <= warp) {
          Operand right;
          others.b(right, 16 * j, n, lane);
          multiply(scores[j], left, right);
        }
      }
    }
  }
  Operand mixing[STRIPS];
#pragma unroll
  for (int j = 0; j < STRIPS; j++) {
    if (j <= warp) {
      each(scores[j], strip, 16 * j, lane, [&](float& value, int row, int column) {
        value *= pair_decay(sum, row, column, start[row]);
      });
      to_operand(mixing[j], scores[j]);
    }
  }

  ValueTile values(stage + K_TILES * StateTile::BYTES);
  for (int v = 0; v < V; v += VT) {
    __syncthreads();
    const Element* state = states + at.matrix() * K * V + v;
#pragma unroll
    for (int tile = 0; tile < K_TILES; tile++) {
      StateTile(stage + tile * StateTile::BYTES)
          .load<THREADS>(state + tile * KT * V, V, KT, thread);
    }
    values.load<THREADS>(written + at.token() * V + v, V, C, thread);
    copies_arrive();
    Sums out[VT / 16] = {};
#pragma unroll
    for (int tile = 0; tile < K_TILES; tile++) {
      KeyTile own(queries + tile * KeyTile::BYTES);
      StateTile before(stage + tile * StateTile::BYTES);
#pragma unroll
      for (int n = 0; n < KT; n += 16) {
        Operand left;
        own.a(left, strip, n, lane);
#pragma unroll
        for (int p = 0; p < VT / 16; p++) {
          Operand right;
          before.b_transposed(right, n, 16 * p, lane);
          multiply(out[p], left, right);
        }
      }
    }
#pragma unroll
    for (int p = 0; p < VT / 16; p++) {
      each(out[p], strip, 16 * p, lane,
          [&](float& value, int row, int column) { value *= entering[row]; });
    }
#pragma unroll
    for (int j = 0; j < STRIPS; j++) {
      if (j <= warp) {
#pragma unroll
        for (int p = 0; p < VT / 16; p++) {
          Operand right;
          values.b_transposed(right, 16 * j, 16 * p, lane);
          multiply(out[p], mixing[j], right);
        }
      }
    }
    store_rows<VT / 16>(
        at.of(y, y_batch, y_time, y_head) + v, y_time, out, strip, at.valid, lane);
  }
}
