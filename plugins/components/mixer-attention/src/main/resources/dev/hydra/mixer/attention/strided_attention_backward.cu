// With the probabilities P of the whole and `change` = rowsum(dout out), the gradient of the scores is
// dS = P (dout v - change) scale (FlashAttention, arXiv 2205.14135, appendix B.2).

// Two products, each of 16 rows with 16 rows of a tile from `part` on.
__device__ __forceinline__ void multiply_columns(
    float (&first)[2][4], const unsigned (&a)[STEPS][4], const Tile& of_a, float (&second)[2][4],
    const unsigned (&c)[STEPS][4], const Tile& of_c, int part) {
#pragma unroll
  for (int n = 0; n < 2; n++)
#pragma unroll
    for (int e = 0; e < 4; e++) first[n][e] = second[n][e] = 0.f;
#pragma unroll
  for (int s = 0; s < STEPS; s++) {
    unsigned b[4];
    columns(b, of_a, part, s * 16);
    mma_bf16(first[0], a[s], b[0], b[1]);
    mma_bf16(first[1], a[s], b[2], b[3]);
    columns(b, of_c, part, s * 16);
    mma_bf16(second[0], c[s], b[0], b[1]);
    mma_bf16(second[1], c[s], b[2], b[3]);
  }
}

// Adds to the gradient of q what comes through the keys, and leaves `change` [batch, heads, time] of
// those that see some.
//
// Launch: grid ((time - window) / TILE, rounded up; heads; batch), 128 threads.
extern "C" __global__ void __launch_bounds__(THREADS) strided_backward_queries(
    const bf16* __restrict__ q, Long q_batch, Long q_time, Long q_head, const bf16* __restrict__ k,
    Long k_batch, Long k_time, Long k_head, const bf16* __restrict__ v, Long v_batch, Long v_time,
    Long v_head, const Long* __restrict__ starts, const bf16* __restrict__ out,
    const bf16* __restrict__ dout, const float* __restrict__ lse, bf16* __restrict__ dq,
    float* __restrict__ change, int time, int heads, int shared, int window, int every, int globals,
    float scale) {
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

  unsigned query[STEPS][4], arriving[STEPS][4];
  float sum[PIECES][4], size[2], own[2];
  int block[2];
  Long at[2];
  const bf16* from[2];
  const bf16* arrived[2];
#pragma unroll
  for (int r = 0; r < 2; r++) {
    int t = first + threadIdx.x / 32 * 16 + lane / 4 + 8 * r;
    bool some = t < time;
    block[r] = some ? block_of(starts, document, t, window, every) : -1;
    from[r] = some ? q + batch * q_batch + t * q_time + head * q_head : nullptr;
    at[r] = ((batch * time + t) * heads + head) * HEAD_DIM + column;
    arrived[r] = some ? dout + at[r] - column : nullptr;
    Long place = (batch * heads + head) * time + t;
    size[r] = some ? lse[place] * LOG2_E : 0.f;
    own[r] = 0.f;
#pragma unroll
    for (int n = 0; n < PIECES; n++) {
      unsigned pair = some ? pair_at(dq + at[r] + n * 8) : 0u;
      sum[n][2 * r] = low_bf16(pair);
      sum[n][2 * r + 1] = high_bf16(pair);
    }
  }
  first_operand(query, from[0], from[1]);
  first_operand(arriving, arrived[0], arrived[1]);
#pragma unroll
  for (int r = 0; r < 2; r++) {
#pragma unroll
    for (int n = 0; n < PIECES; n++) {
      unsigned d = arriving[n / 2][n % 2 * 2 + r];
      unsigned o = block[r] >= 0 ? pair_at(out + at[r] + n * 8) : 0u;
      own[r] += low_bf16(d) * low_bf16(o) + high_bf16(d) * high_bf16(o);
    }
    own[r] = sum_quad(own[r]);
    if (block[r] >= 0 && lane % 4 == 0)
      change[(batch * heads + head) * time + first + threadIdx.x / 32 * 16 + lane / 4 + 8 * r] =
          own[r];
  }

  for (int index = 0; index < keys.count(); index += TILE) {
    __syncthreads();
    load_tile(key_tile, k, k_time, every, keys, index);
    load_tile(value_tile, v, v_time, every, keys, index);
    copies_arrive();
#pragma unroll 1
    for (int part = 0; part < TILE && index + part < keys.count(); part += 16) {
      float score[2][4], along[2][4];
      multiply_columns(score, query, key_tile, along, arriving, value_tile, part);
#pragma unroll
      for (int n = 0; n < 2; n++) {
#pragma unroll
        for (int e = 0; e < 4; e++) {
          int i = index + part + n * 8 + column + e % 2, r = e / 2;
          bool sees = i < keys.count() && visible(keys.at(i), block[r], globals);
          float p = sees ? exp2_fast(score[n][e] * scale * LOG2_E - size[r]) : 0.f;
          score[n][e] = p * (along[n][e] - own[r]) * scale;
        }
      }
      unsigned a[4];
      as_operand(a, score[0], score[1]);
#pragma unroll
      for (int n = 0; n < PIECES; n += 2) {
        unsigned b[4];
        rows(b, key_tile, part, n * 8);
        mma_bf16(sum[n], a, b[0], b[1]);
        mma_bf16(sum[n + 1], a, b[2], b[3]);
      }
    }
  }
#pragma unroll
  for (int r = 0; r < 2; r++) {
    if (block[r] >= 0) {
#pragma unroll
      for (int n = 0; n < PIECES; n++)
        *reinterpret_cast<unsigned*>(dq + at[r] + n * 8) =
            pack_bf16(sum[n][2 * r], sum[n][2 * r + 1]);
    }
  }
}

__device__ __forceinline__ void load_queries(
    Tile& tile, const bf16* from, Long time_stride, int first, int end) {
  for (int i = threadIdx.x; i < TILE * PIECES; i += THREADS) {
    int row = i / PIECES, element = i % PIECES * 8;
    bool some = first + row < end;
    copy_async(
        &tile[row][element], from + (some ? (first + row) * time_stride + element : 0), some);
  }
}

// Launch: grid (tasks, heads, batch), 128 threads.
//
//   partials  fp32 [batch, heads, tasks, 2, TILE, HEAD_DIM]: of keys, of values
extern "C" __global__ void __launch_bounds__(THREADS) strided_backward_keys(
    const bf16* __restrict__ q, Long q_batch, Long q_time, Long q_head, const bf16* __restrict__ k,
    Long k_batch, Long k_time, Long k_head, const bf16* __restrict__ v, Long v_batch, Long v_time,
    Long v_head, const Long* __restrict__ starts, const bf16* __restrict__ dout,
    const float* __restrict__ lse, const float* __restrict__ change, float* __restrict__ partials,
    int time, int heads, int shared, int window, int every, int globals, float scale, int firsts,
    int first_tasks, int other_tasks, int span) {
  __shared__ __align__(16) Tile query_tile;
  __shared__ __align__(16) Tile arriving_tile;
  __shared__ float sizes[TILE], changes[TILE];
  __shared__ int blocks[TILE];
  Long head = blockIdx.y, batch = blockIdx.z;
  if (starts) starts += batch * time;
  Tasks tasks = {firsts, first_tasks, other_tasks};
  int tile = tasks.tile(blockIdx.x);
  int lane = threadIdx.x % 32, warp = threadIdx.x / 32, column = lane % 4 * 2;
  q += batch * q_batch + head * q_head;
  dout += (batch * time * heads + head) * HEAD_DIM;
  lse += (batch * heads + head) * time;
  change += (batch * heads + head) * time;

  unsigned key[STEPS][4], value[STEPS][4];
  float of_key[PIECES][4], of_value[PIECES][4];
  const bf16* k_at[2];
  const bf16* v_at[2];
  int document_of[2], index_of[2];
#pragma unroll
  for (int r = 0; r < 2; r++) {
    int place = tile * TILE + warp * 16 + lane / 4 + 8 * r;
    Key own(starts, place, firsts, time, window, every);
    Long t = own.position(every);
    bool some = own.exists();
    k_at[r] = some ? k + batch * k_batch + t * k_time + head / shared * k_head : nullptr;
    v_at[r] = some ? v + batch * v_batch + t * v_time + head / shared * v_head : nullptr;
    document_of[r] = own.document;
    index_of[r] = own.index;
  }
  first_operand(key, k_at[0], k_at[1]);
  first_operand(value, v_at[0], v_at[1]);
#pragma unroll
  for (int n = 0; n < PIECES; n++)
#pragma unroll
    for (int e = 0; e < 4; e++) of_key[n][e] = of_value[n][e] = 0.f;

  int begin = tasks.first_query(blockIdx.x, span, window, every), end = min(time, begin + span);
  for (int first = begin; first < end; first += TILE) {
    if (tasks.beyond(tile, (first - window) / every - globals)) break;
    // Whether a query of these sees one of this thread's keys.
    int last = min(first + TILE, end) - 1, document = start_of(starts, first);
    Keys keys(first - document, last - document, window, every, globals);
    int index[2];
    bool seen = false;
#pragma unroll
    for (int r = 0; r < 2; r++) {
      index[r] = document_of[r] == document ? index_of[r] : NEVER;
      seen |= keys.have(index[r]);
    }
    if (!__syncthreads_or(seen)) continue;
    load_queries(query_tile, q, q_time, first, end);
    load_queries(arriving_tile, dout, (Long)heads * HEAD_DIM, first, end);
    copies_commit();
    if (threadIdx.x < TILE) {
      int t = first + threadIdx.x;
      int block = t < end ? block_of(starts, document, t, window, every) : -1;
      sizes[threadIdx.x] = block >= 0 ? lse[t] * LOG2_E : 0.f;
      changes[threadIdx.x] = block >= 0 ? change[t] : 0.f;
      blocks[threadIdx.x] = block;
    }
    copies_wait<0>();
    __syncthreads();
    if (!__any_sync(0xffffffffu, seen)) continue;
#pragma unroll 1
    for (int part = 0; part < TILE; part += 16) {
      float score[2][4], along[2][4];
      multiply_columns(score, key, query_tile, along, value, arriving_tile, part);
#pragma unroll
      for (int n = 0; n < 2; n++) {
#pragma unroll
        for (int e = 0; e < 4; e++) {
          int i = part + n * 8 + column + e % 2;
          bool sees = visible(index[e / 2], blocks[i], globals);
          float p = sees ? exp2_fast(score[n][e] * scale * LOG2_E - sizes[i]) : 0.f;
          score[n][e] = p;
          along[n][e] = p * (along[n][e] - changes[i]) * scale;
        }
      }
      unsigned p[4], d[4];
      as_operand(p, score[0], score[1]);
      as_operand(d, along[0], along[1]);
#pragma unroll
      for (int n = 0; n < PIECES; n += 2) {
        unsigned b[4];
        rows(b, arriving_tile, part, n * 8);
        mma_bf16(of_value[n], p, b[0], b[1]);
        mma_bf16(of_value[n + 1], p, b[2], b[3]);
        rows(b, query_tile, part, n * 8);
        mma_bf16(of_key[n], d, b[0], b[1]);
        mma_bf16(of_key[n + 1], d, b[2], b[3]);
      }
    }
  }
  partials += ((batch * heads + head) * gridDim.x + blockIdx.x) * 2 * TILE * HEAD_DIM;
#pragma unroll
  for (int r = 0; r < 2; r++) {
    float* to = partials + (warp * 16 + lane / 4 + 8 * r) * HEAD_DIM + column;
#pragma unroll
    for (int n = 0; n < PIECES; n++) {
#pragma unroll
      for (int e = 0; e < 2; e++) {
        to[n * 8 + e] = of_key[n][2 * r + e];
        to[TILE * HEAD_DIM + n * 8 + e] = of_value[n][2 * r + e];
      }
    }
  }
}
