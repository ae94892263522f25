// The gradients of values and strengths, and those of the products of tokens of a chunk.
//
// With d_side = inverse^T d_written, the gradient of what the triangular system is solved for:
//   dV = beta * d_side,  beta dbeta = d_side . written
//   d_scores = pairs * dy written^T,  d_coupling = pairs * dV written^T below the diagonal
//
// What the log decay at t scales is all that goes from before t to t or later; within the chunk
//   flow = sum of W[i][j] over j < t <= i,  W = d_scores * Q K^T - d_coupling * K K^T,
// which is the sum over i >= t of row i less column i of W: of the very same float32 numbers.
//
// Launch: grid (chunks, heads, batch), THREADS threads, dynamic shared memory backward_values::BYTES.
//
//   q, k, dy  inputs
//   sums, beta, first  from delta_decay
//   inverse   from delta_prepare, written from delta_states, d_written from delta_backward_states
//   dv        [batch, time, heads, VALUE_DIM], strides dv_batch, dv_time, dv_head, 1; rows aligned
//   d_scores, d_coupling  [batch, heads, chunks, C, C] Element; blocks above the diagonal are not written
//   flow      [batch, heads, padded time] fp32: row less column of W
//   wrote     [batch, heads, padded time] fp32: beta dbeta
namespace backward_values {
constexpr int STAGE = larger(2 * KeyTile::BYTES, 3 * ValueTile::BYTES);
constexpr int BYTES = SquareTile::BYTES + STAGE;

// Stores the lower blocks of a strip.
__device__ __forceinline__ void leave(Element* to, Sums (&sum)[STRIPS], int warp, int lane) {
#pragma unroll
  for (int j = 0; j < STRIPS; j++) {
    if (j <= warp) {
      const Sums (&one)[1] = (const Sums (&)[1])sum[j];
      store_rows<1>(to + 16 * j, C, one, 16 * warp, C, lane);
    }
  }
}
}  // namespace backward_values
extern "C" __device__ const int delta_backward_values_bytes = backward_values::BYTES;

extern "C" __global__ void __launch_bounds__(THREADS) delta_backward_values(
    const Element* q, Long q_batch, Long q_time, Long q_head, const Element* k, Long k_batch,
    Long k_time, Long k_head, const Element* dy, Long dy_batch, Long dy_time, Long dy_head,
    const float* sums, const float* beta, const int* first, const Element* inverse,
    const Element* written, const Element* d_written, Element* dv, Long dv_batch, Long dv_time,
    Long dv_head, Element* d_scores, Element* d_coupling, float* flow, float* wrote, Long time) {
  using namespace backward_values;
  __shared__ float sum[C], strength[C], columns[STRIPS][C];
  __shared__ int start[C];
  int thread = threadIdx.x;
  int lane = thread & 31;
  int warp = thread >> 5;
  int strip = 16 * warp;
  int own = strip + (lane >> 2);
  Place at(blockIdx.x, gridDim.x, time);
  SquareTile solving(SHARED);
  char* stage = SHARED + SquareTile::BYTES;
  solving.load<THREADS>(inverse + at.matrix() * C * C, C, C, thread);
  copy_values(sum, sums + at.token(), thread);
  copy_values(strength, beta + at.token(), thread);
  copy_starts(start, first, at, thread);

  Sums scores[STRIPS] = {};
  Sums products[STRIPS] = {};
  KeyTile keys(stage);
  KeyTile queries(stage + KeyTile::BYTES);
  for (int n0 = 0; n0 < K; n0 += KT) {
    keys.load<THREADS>(at.of(k, k_batch, k_time, k_head) + n0, k_time, at.valid, thread);
    queries.load<THREADS>(at.of(q, q_batch, q_time, q_head) + n0, q_time, at.valid, thread);
    copies_arrive();
#pragma unroll
    for (int n = 0; n < KT; n += 16) {
      Operand asking, own_key;
      queries.a(asking, strip, n, lane);
      keys.a(own_key, strip, n, lane);
#pragma unroll
      for (int j = 0; j < STRIPS; j++) {
        if (j <= warp) {
          Operand right;
          keys.b(right, 16 * j, n, lane);
          multiply(scores[j], asking, right);
          multiply(products[j], own_key, right);
        }
      }
    }
    __syncthreads();
  }

  Sums outward[STRIPS] = {};  // dy written^T
  Sums coupled[STRIPS] = {};  // dV written^T
  float solved[2] = {0.0f, 0.0f};
  float own_strength[2] = {strength[own], strength[own + 8]};
  ValueTile d_wrote(stage);
  ValueTile wrote_tile(stage + ValueTile::BYTES);
  ValueTile reading(stage + 2 * ValueTile::BYTES);
  for (int v = 0; v < V; v += VT) {
    d_wrote.load<THREADS>(d_written + at.token() * V + v, V, C, thread);
    wrote_tile.load<THREADS>(written + at.token() * V + v, V, C, thread);
    reading.load<THREADS>(at.of(dy, dy_batch, dy_time, dy_head) + v, dy_time, at.valid, thread);
    copies_arrive();
    Sums side[VT / 16] = {};
#pragma unroll
    for (int i = 0; i < STRIPS; i++) {
      if (i >= warp) {
        Operand left;
        solving.a_transposed(left, 16 * i, strip, lane);
#pragma unroll
        for (int p = 0; p < VT / 16; p++) {
          Operand right;
          d_wrote.b_transposed(right, 16 * i, 16 * p, lane);
          multiply(side[p], left, right);
        }
      }
    }
#pragma unroll
    for (int p = 0; p < VT / 16; p++) {
      each_pair(side[p], strip, 16 * p, lane,
          [&](float& one, float& next, int row, int column, int lower) {
            float a, b;
            wrote_tile.pair(row, column, a, b);
            solved[lower] += one * a + next * b;
            one *= own_strength[lower];
            next *= own_strength[lower];
          });
    }
    store_rows<VT / 16>(
        at.of(dv, dv_batch, dv_time, dv_head) + v, dv_time, side, strip, at.valid, lane);
#pragma unroll
    for (int p = 0; p < VT / 16; p++) {
      Operand coupling, direct;
      to_operand(coupling, side[p]);
      reading.a(direct, strip, 16 * p, lane);
#pragma unroll
      for (int j = 0; j < STRIPS; j++) {
        if (j <= warp) {
          Operand right;
          wrote_tile.b(right, 16 * j, 16 * p, lane);
          multiply(outward[j], direct, right);
          multiply(coupled[j], coupling, right);
        }
      }
    }
    __syncthreads();
  }

  float rows[2] = {0.0f, 0.0f};
#pragma unroll
  for (int j = 0; j < STRIPS; j++) {
    float below[2][2] = {};
    if (j <= warp) {
#pragma unroll
      for (int half = 0; half < 2; half++) {
#pragma unroll
        for (int e = 0; e < 4; e++) {
          int row = own + e / 2 * 8;
          int column = 16 * j + 8 * half + 2 * (lane & 3) + e % 2;
          float decay = pair_decay(sum, row, column, start[row]);
          outward[j][half][e] *= decay;
          coupled[j][half][e] *= row == column ? 0.0f : decay;
          float weight = outward[j][half][e] * scores[j][half][e]
              - coupled[j][half][e] * products[j][half][e];
          if (row == column) weight = 0.0f;
          rows[e / 2] += weight;
          below[half][e % 2] += weight;
        }
      }
    }
#pragma unroll
    for (int half = 0; half < 2; half++) {
#pragma unroll
      for (int e = 0; e < 2; e++) {
        float value = below[half][e];
        value = sum_between<4, 32>(value);
        if (lane < 4) columns[warp][16 * j + 8 * half + 2 * lane + e] = value;
      }
    }
  }
  leave(d_scores + at.matrix() * C * C, outward, warp, lane);
  leave(d_coupling + at.matrix() * C * C, coupled, warp, lane);
  __syncthreads();
#pragma unroll
  for (int half = 0; half < 2; half++) {
    float row = sum_quad(rows[half]);
    float strength_flow = sum_quad(solved[half]);
    int token = own + 8 * half;
    float column = 0.0f;
#pragma unroll
    for (int w = 0; w < STRIPS; w++) column += columns[w][token];
    if ((lane & 3) == 0) {
      flow[at.token() + token] = row - column;
      wrote[at.token() + token] = strength_flow;
    }
  }
}
