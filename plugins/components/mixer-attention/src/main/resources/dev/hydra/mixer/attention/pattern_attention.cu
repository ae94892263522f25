// The whole attention in one pass, by the running softmax of FlashAttention-2 (arXiv 2307.08691).
//
// Launch: grid (time / TILE, rounded up; heads; batch), THREADS threads.
extern "C" __device__ const int pattern_attention_bytes = OwnTile::BYTES + 2 * OtherTile::BYTES;
extern "C" __device__ const int pattern_attention_waits = 1;

extern "C" __global__ void __launch_bounds__(THREADS) pattern_attention(
    const Element* q, Long q_batch, Long q_time, Long q_head, const Element* k, Long k_batch,
    Long k_time, Long k_head, const Element* v, Long v_batch, Long v_time, Long v_head,
    const Long* starts, Element* out, float* lse, int time, int heads, int shared, int window,
    int every, int globals, float scale) {
  wait_for_prerequisites();
  Long head = blockIdx.y, batch = blockIdx.z;
  if (starts) starts += batch * time;
  // The last ones, which see most if nothing bounds the window, go first.
  Queries queries(starts, (gridDim.x - 1 - blockIdx.x) * TILE, time, window);
  OwnTile own(SHARED);
  OtherTile keys(SHARED + OwnTile::BYTES), values(SHARED + OwnTile::BYTES + OtherTile::BYTES);
  load_rows(own, q + batch * q_batch + head * q_head, [&](int row) {
    return queries.first + row <= queries.last ? (queries.first + row) * q_time : -1;
  });
  copies_arrive();
  Rows query(own);

  Sums sums[STEPS];
  clear(sums);
  float most[2] = {HIDDEN, HIDDEN}, total[2] = {0.f, 0.f};
  int lane = threadIdx.x % 32;
  each_key(
      queries, k + batch * k_batch + head / shared * k_head, k_time,
      v + batch * v_batch + head / shared * v_head, v_time, keys, values, starts, window, every,
      globals, [&](int row, auto sees) {
        Sums score[AT_ONCE / 16];
        clear(score);
#pragma unroll
        for (int s = 0; s < STEPS; s++) {
          Operand a = query.at(s);
#pragma unroll
          for (int n = 0; n < AT_ONCE / 16; n++) {
            Operand b;
            keys.b(b, row + n * 16, s * 16, lane);
            multiply(score[n], a, b);
          }
        }
        float before[2] = {most[0], most[1]}, shrink[2];
        each_sum(score, [&](float& x, int r, int column) {
          x = sees(r, row + column) ? x * scale * LOG2_E : __uint_as_float(0xff800000u);
          most[r] = fmaxf(most[r], x);
        });
#pragma unroll
        for (int r = 0; r < 2; r++) {
          most[r] = largest_of_quad(most[r]);
          shrink[r] = exp2_fast(before[r] - most[r]);
          total[r] *= shrink[r];
        }
        each_sum(sums, [&](float& x, int r, int) { x *= shrink[r]; });
        each_sum(score, [&](float& x, int r, int) {
          x = exp2_fast(x - most[r]);
          total[r] += x;
        });
#pragma unroll
        for (int n = 0; n < AT_ONCE / 16; n++) {
          Operand p;
          to_operand(p, score[n]);
#pragma unroll
          for (int s = 0; s < STEPS; s++) {
            Operand b;
            values.b_transposed(b, row + n * 16, s * 16, lane);
            multiply(sums[s], p, b);
          }
        }
      });
#pragma unroll
  for (int r = 0; r < 2; r++) {
    float all = sum_quad(total[r]);
    if (!queries.have(r)) continue;
    if (lane % 4 == 0)
      lse[(batch * heads + head) * time + queries.token[r]] = (most[r] + log2f(all)) * LN_2;
    store_sums(
        out + ((batch * time + queries.token[r]) * heads + head) * HEAD_DIM, sums, r, 1.f / all);
  }
}
