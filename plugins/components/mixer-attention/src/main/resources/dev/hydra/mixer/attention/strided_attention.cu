// Adds the keys to the window's result by the running softmax of FlashAttention, which that begins.
//
// Launch: grid ((time - window) / TILE, rounded up; heads; batch), 128 threads.
//
//   out, lse  first the window's, then the whole's

extern "C" __device__ const int strided_attention_waits = 1;

extern "C" __global__ void __launch_bounds__(THREADS) strided_attention(
    const bf16* q, Long q_batch, Long q_time, Long q_head, const bf16* k, Long k_batch, Long k_time,
    Long k_head, const bf16* v, Long v_batch, Long v_time, Long v_head, const Long* starts,
    bf16* __restrict__ out, float* __restrict__ lse, int time, int heads, int shared, int window,
    int every, int globals, float scale) {
  wait_for_prerequisites();
  __shared__ __align__(16) Tile key_tile;
  __shared__ __align__(16) Tile value_tile;
  Long head = blockIdx.y, batch = blockIdx.z;
  if (starts) starts += batch * time;
  int lane = threadIdx.x % 32, column = lane % 4 * 2;
  int first = window + blockIdx.x * TILE, last = min(first + TILE, time) - 1;
  int document = start_of(starts, first);
  Keys keys(first - document, last - document, window, every, globals);
  if (keys.newest < 0) return;
  k += batch * k_batch + document * k_time + head / shared * k_head;
  v += batch * v_batch + document * v_time + head / shared * v_head;

  unsigned query[STEPS][4];
  float sum[PIECES][4], most[2], total[2];
  int block[2];
  bf16* to[2];
  float* lse_at[2];
  const bf16* from[2];
#pragma unroll
  for (int r = 0; r < 2; r++) {
    int t = first + threadIdx.x / 32 * 16 + lane / 4 + 8 * r;
    bool some = t < time;
    block[r] = some ? block_of(starts, document, t, window, every) : -1;
    from[r] = some ? q + batch * q_batch + t * q_time + head * q_head : nullptr;
    to[r] = some ? out + ((batch * time + t) * heads + head) * HEAD_DIM : nullptr;
    lse_at[r] = lse + (batch * heads + head) * time + t;
    most[r] = some ? *lse_at[r] * LOG2_E : 0.f;
    total[r] = lane % 4 == 0 ? 1.f : 0.f;
#pragma unroll
    for (int n = 0; n < PIECES; n++) {
      unsigned pair = some ? pair_at(to[r] + n * 8 + column) : 0u;
      sum[n][2 * r] = low_bf16(pair);
      sum[n][2 * r + 1] = high_bf16(pair);
    }
  }
  first_operand(query, from[0], from[1]);

  for (int index = 0; index < keys.count(); index += TILE) {
    __syncthreads();
    load_tile(key_tile, k, k_time, every, keys, index);
    load_tile(value_tile, v, v_time, every, keys, index);
    copies_arrive();
#pragma unroll
    for (int part = 0; part < TILE; part += 32) {
      if (index + part >= keys.count()) break;
      float score[4][4];
#pragma unroll
      for (int n = 0; n < 4; n++)
#pragma unroll
        for (int e = 0; e < 4; e++) score[n][e] = 0.f;
#pragma unroll
      for (int s = 0; s < STEPS; s++) {
#pragma unroll
        for (int n = 0; n < 4; n += 2) {
          unsigned b[4];
          columns(b, key_tile, part + n * 8, s * 16);
          mma_bf16(score[n], query[s], b[0], b[1]);
          mma_bf16(score[n + 1], query[s], b[2], b[3]);
        }
      }
#pragma unroll
      for (int r = 0; r < 2; r++) {
        float before = most[r];
#pragma unroll
        for (int n = 0; n < 4; n++) {
#pragma unroll
          for (int e = 0; e < 2; e++) {
            int i = index + part + n * 8 + column + e;
            float& x = score[n][2 * r + e];
            bool sees = i < keys.count() && visible(keys.at(i), block[r], globals);
            x = sees ? x * scale * LOG2_E : __uint_as_float(0xff800000u);
            most[r] = fmaxf(most[r], x);
          }
        }
        most[r] = largest_of_quad(most[r]);
        float shrink = exp2_fast(before - most[r]);
        total[r] *= shrink;
#pragma unroll
        for (int n = 0; n < PIECES; n++) {
          sum[n][2 * r] *= shrink;
          sum[n][2 * r + 1] *= shrink;
        }
#pragma unroll
        for (int n = 0; n < 4; n++) {
#pragma unroll
          for (int e = 0; e < 2; e++) {
            float& x = score[n][2 * r + e];
            x = exp2_fast(x - most[r]);
            total[r] += x;
          }
        }
      }
#pragma unroll
      for (int s = 0; s < 2; s++) {
        unsigned a[4];
        as_operand(a, score[2 * s], score[2 * s + 1]);
#pragma unroll
        for (int n = 0; n < PIECES; n += 2) {
          unsigned b[4];
          rows(b, value_tile, part + s * 16, n * 8);
          mma_bf16(sum[n], a, b[0], b[1]);
          mma_bf16(sum[n + 1], a, b[2], b[3]);
        }
      }
    }
  }
#pragma unroll
  for (int r = 0; r < 2; r++) {
    float all = sum_quad(total[r]);
    if (block[r] >= 0) {
      if (lane % 4 == 0) *lse_at[r] = (most[r] + log2f(all)) * LN_2;
#pragma unroll
      for (int n = 0; n < PIECES; n++)
        *reinterpret_cast<unsigned*>(to[r] + n * 8 + column) =
            pack_bf16(sum[n][2 * r] / all, sum[n][2 * r + 1] / all);
    }
  }
}
