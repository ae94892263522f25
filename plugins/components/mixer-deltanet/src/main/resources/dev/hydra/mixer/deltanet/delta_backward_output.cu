// The gradient that y alone gives to what is written: (pairs * Q K^T)^T dy, chunk by chunk.
//
// Launch: grid (chunks, heads, batch), THREADS threads, dynamic shared memory backward_output::BYTES.
//
//   q, k, dy  inputs
//   sums, first  from delta_decay
//   d_written [batch, heads, padded time, VALUE_DIM] Element
namespace backward_output {
constexpr int KEYS = K_TILES * KeyTile::BYTES;
constexpr int BYTES = 2 * KEYS + ValueTile::BYTES;
}  // namespace backward_output
extern "C" __device__ const int delta_backward_output_bytes = backward_output::BYTES;

extern "C" __global__ void __launch_bounds__(THREADS) delta_backward_output(
    const Element* q, Long q_batch, Long q_time, Long q_head, const Element* k, Long k_batch,
    Long k_time, Long k_head, const Element* dy, Long dy_batch, Long dy_time, Long dy_head,
    const float* sums, const int* first, Element* d_written, Long time) {
  using namespace backward_output;
  __shared__ float sum[C];
  __shared__ int start[C];
  int thread = threadIdx.x;
  int lane = thread & 31;
  int warp = thread >> 5;
  int strip = 16 * warp;
  Place at(blockIdx.x, gridDim.x, time);
  char* keys = SHARED;
  char* queries = keys + KEYS;
  load_tiles<KT, K>(keys, at.of(k, k_batch, k_time, k_head), k_time, at.valid, thread);
  load_tiles<KT, K>(queries, at.of(q, q_batch, q_time, q_head), q_time, at.valid, thread);
  copy_values(sum, sums + at.token(), thread);
  copy_starts(start, first, at, thread);
  copies_arrive();

  Sums scores[STRIPS] = {};  // transposes: rows are the tokens that write, columns those that read
#pragma unroll
  for (int tile = 0; tile < K_TILES; tile++) {
    KeyTile own(keys + tile * KeyTile::BYTES);
    KeyTile others(queries + tile * KeyTile::BYTES);
#pragma unroll
    for (int n = 0; n < KT; n += 16) {
      Operand left;
      own.a(left, strip, n, lane);
#pragma unroll
      for (int i = 0; i < STRIPS; i++) {
        if (i >= warp) {
          Operand right;
          others.b(right, 16 * i, n, lane);
          multiply(scores[i], left, right);
        }
      }
    }
  }
  Operand mixing[STRIPS];
#pragma unroll
  for (int i = 0; i < STRIPS; i++) {
    if (i >= warp) {
      each(scores[i], strip, 16 * i, lane, [&](float& value, int row, int column) {
        value *= pair_decay(sum, column, row, start[column]);
      });
      to_operand(mixing[i], scores[i]);
    }
  }

  ValueTile values(queries + KEYS);
  for (int v = 0; v < V; v += VT) {
    __syncthreads();
    values.load<THREADS>(at.of(dy, dy_batch, dy_time, dy_head) + v, dy_time, at.valid, thread);
    copies_arrive();
    Sums out[VT / 16] = {};
#pragma unroll
    for (int i = 0; i < STRIPS; i++) {
      if (i >= warp) {
#pragma unroll
        for (int p = 0; p < VT / 16; p++) {
          Operand right;
          values.b_transposed(right, 16 * i, 16 * p, lane);
          multiply(out[p], mixing[i], right);
        }
      }
    }
    store_rows<VT / 16>(d_written + at.token() * V + v, V, out, strip, C, lane);
  }
}
