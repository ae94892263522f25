// Gradients of causal attention to a window of keys, or to all keys before. With the probabilities
// p = exp(scale q k - lse) of the whole attention, delta = rowsum(dout out) and ds = p (dout v - delta),
// dv = p^T dout, dk = scale ds^T q and dq = scale ds k (FlashAttention, arXiv 2205.14135, appendix B.2).
// Blocks of keys sum over queries, and blocks of queries over keys: p and ds are made twice, but no sum
// needs atomics, so that bits are the same each time.
//
// Compile-time options (-D): HEAD_DIM, 64 or 128.
//
//   q, dout, dq   bf16 [batch, time, heads, HEAD_DIM] with strides, multiples of 8
//   k, v, dk, dv  bf16 [batch, time, kvHeads, HEAD_DIM] with strides, multiples of 8
//   lse           fp32 [batch, heads, time]: logarithm of the sum of the exponentials of the scores
//   level         fp32 [batch, heads, padded]: lse / ln 2, infinite where there is no query
//   offset        fp32 [batch, heads, padded]: -delta
//   first         int32 [batch, padded]: the oldest key that a query sees; does not fall with time
//   shared        heads that share one of k and v
//   scale         factor of the scores
// `padded` is `time` rounded up to a multiple of PADDING.

extern "C" __device__ const int window_backward_keys_bytes = Memory<KEY_GROUPS, true>::BYTES;
extern "C" __device__ const int window_backward_queries_bytes = Memory<QUERY_GROUPS, false>::BYTES;

#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
// What the other two need of each query.
//
// Launch: grid (padded / PADDING * heads, batch), ROW_THREADS.
//
//   starts  int64 [batch, time], or null: the first token of each token's document
extern "C" __global__ void __launch_bounds__(ROW_THREADS) window_backward_rows(
    const bf16* __restrict__ out, Long out_batch, Long out_time, Long out_head,
    const bf16* __restrict__ dout, Long dout_batch, Long dout_time, Long dout_head,
    const float* __restrict__ lse, const Long* __restrict__ starts, float* __restrict__ level,
    float* __restrict__ offset, int* __restrict__ first, int time, int heads, int window) {
  constexpr int PIECES = HEAD_DIM / 8, ROWS = ROW_THREADS / PIECES, ROUNDS = PADDING / ROWS;
  Long batch = blockIdx.y;
  int padded = gridDim.x / heads * PADDING, part = threadIdx.x % PIECES;
  int begin = blockIdx.x * PADDING + threadIdx.x / PIECES;  // heads of a token are beside each other
  out += batch * out_batch + part * 8;
  dout += batch * dout_batch + part * 8;
  Vector<bf16, 8> given[ROUNDS], arriving[ROUNDS];
#pragma unroll
  for (int k = 0; k < ROUNDS; k++) {
    int t = (begin + k * ROWS) / heads, head = (begin + k * ROWS) % heads;
    if (t < time) {
      given[k] = load<8>(out + t * out_time + head * out_head);
      arriving[k] = load<8>(dout + t * dout_time + head * dout_head);
    }
  }
#pragma unroll
  for (int k = 0; k < ROUNDS; k++) {
    int t = (begin + k * ROWS) / heads, head = (begin + k * ROWS) % heads;
    float sum = 0.f;
    if (t < time) {
      float a[8], b[8];
      given[k].unpack(a);
      arriving[k].unpack(b);
#pragma unroll
      for (int i = 0; i < 8; i++) sum += a[i] * b[i];
    }
    sum = sum_between<1, PIECES>(sum);
    if (part == 0) {
      Long row = batch * heads + head;
      level[row * padded + t] = t < time ? lse[row * time + t] * LOG2_E : __int_as_float(0x7f800000);
      offset[row * padded + t] = -sum;
      if (head == 0) {
        Long start = starts == nullptr ? 0 : starts[batch * time + min(t, time - 1)];
        first[batch * padded + t] = max((int)start, t - window + 1);
      }
    }
  }
}

// Launch: grid (kvHeads * batch; time / (TILE * KEY_GROUPS), rounded up), 128 * KEY_GROUPS threads. Blocks of
// old keys, which more queries see, come first.
extern "C" __global__ void __launch_bounds__(128 * KEY_GROUPS, 1) window_backward_keys(
    const bf16* __restrict__ q, Long q_batch, Long q_time, Long q_head, const bf16* __restrict__ k,
    Long k_batch, Long k_time, Long k_head, const bf16* __restrict__ v, Long v_batch, Long v_time,
    Long v_head, const bf16* __restrict__ dout, Long dout_batch, Long dout_time, Long dout_head,
    const float* __restrict__ level, const float* __restrict__ offset, const int* __restrict__ first,
    bf16* __restrict__ dk, Long dk_batch, Long dk_time, Long dk_head, bf16* __restrict__ dv,
    Long dv_batch, Long dv_time, Long dv_head, int time, int heads, int shared, float scale) {
  constexpr int WORKERS = 128 * KEY_GROUPS;
  Memory<KEY_GROUPS, true> memory;
  int group = uniform(threadIdx.x / 128), worker = threadIdx.x % 128, warp = worker / 32, lane = worker % 32;
  int kv_heads = heads / shared, padded = (time + PADDING - 1) / PADDING * PADDING;
  Long batch = blockIdx.x / kv_heads, kv_head = blockIdx.x % kv_heads, head = kv_head * shared;
  int block = blockIdx.y * TILE * KEY_GROUPS, mine = block + group * TILE;
  SharedAddress come = memory.barrier(0), read = memory.barrier(1);
  if (threadIdx.x == 0) barrier_init(come, WORKERS / 32), barrier_init(read, WORKERS / 32);

  load_own(
      memory.own(group, 0), k + batch * k_batch + mine * k_time + kv_head * k_head, k_time, time - mine, worker);
  load_own(
      memory.own(group, 1), v + batch * v_batch + mine * v_time + kv_head * v_head, v_time, time - mine, worker);

  first += batch * padded;
  int tiles = (time - block + TILE - 1) / TILE, count = tiles * shared;  // if all later queries see the keys
  Loader loader(
      group == 0 ? q + batch * q_batch + block * q_time + head * q_head
                 : dout + batch * dout_batch + block * dout_time + head * dout_head,
      group == 0 ? q_time : dout_time, memory.passing(0, min(group, 1)), worker);
  // The last group's first threads load 16 bytes of statistics each.
  int which = worker / (TILE / 4), piece = worker % (TILE / 4) * 4;
  bool counts = group == KEY_GROUPS - 1 && which < STATISTICS;
  const void* rows[STATISTICS] = {
      level + (batch * heads + head) * padded, offset + (batch * heads + head) * padded, first};
  const char* statistic = (const char*)(which == 0 ? rows[0] : which == 1 ? rows[1] : rows[2]) + (block + piece) * 4;
  int ahead = 0, ahead_stage = 0;  // what is loaded next
  auto load_next = [&](int i) {
    if (i < count) {
      if (ahead == tiles) {
        ahead = 0;
        loader.next += (group == 0 ? q_head : dout_head) - tiles * TILE * loader.stride;
        statistic += ((which < 2 ? padded : 0) - tiles * TILE) * 4;
      }
      if (group < 2) loader.load(ahead_stage, time - block - ahead * TILE);
      if (counts) copy_async(memory.statistics(ahead_stage, which) + piece * 4, statistic, true);
      statistic += TILE * 4;
      ahead++;
      ahead_stage = following(ahead_stage);
    }
    copies_commit();
  };
  for (int i = 0; i < AHEAD; i++) load_next(i);

  // Tiles of queries that see any of the keys. The first ones do, as a query sees itself.
  tiles = 0;
  int seen = 0, whole = 0;  // those that see any of the group's keys; those of which each query sees all of them
  for (int tile = block / TILE + threadIdx.x, found = WORKERS; found == WORKERS; tile += WORKERS) {
    bool some = tile * TILE < time;
    int oldest = some ? first[tile * TILE] : NEVER, newest = some ? first[tile * TILE + TILE - 1] : NEVER;
#pragma unroll
    for (int g = 0; g < KEY_GROUPS; g++) {
      found = __syncthreads_count(oldest < block + (g + 1) * TILE);
      int all = __syncthreads_count(newest <= block + g * TILE);
      if (g == group) seen += found, whole += all;
    }
    tiles += found;
  }
  tiles = uniform(tiles), seen = uniform(seen), whole = uniform(whole);
  count = tiles * shared;
  copies_wait<AHEAD - 1>();
  publish();
  __syncthreads();

  Tile keys = memory.own(group, 0), values = memory.own(group, 1);
  Sums of_keys, of_values;
#pragma unroll
  for (int i = 0; i < HEAD_DIM / 2; i++) of_keys[i] = of_values[i] = 0.f;
  float steep = scale * LOG2_E;
  auto fetch = [&](int i) {
    copies_wait<AHEAD - 2>();
    publish();
    warp_arrives(come, lane);  // this warp's part of the next tile is there
    load_next(i + AHEAD);
  };
  int tile = 0, stage = 0;
#pragma unroll 1
  for (int i = 0; i < count; i++) {
    if (i > 0) barrier_wait(come, (i - 1) & 1);
    if (tile >= group && tile < seen) {
      Tile queries = memory.passing(stage, 0), arriving = memory.passing(stage, 1);
      Scores p, ds;
      Weights rounded_p, rounded_ds;
      SharedAddress offsets = memory.statistics(stage, 1) + lane % 4 * 8;
#pragma unroll
      for (int j = 0; j < TILE / 4; j++) floats_at(offsets + j / 2 * 32, ds[j * 2], ds[j * 2 + 1]);
      products_begin();
      begin_scores(p, keys, queries, 0);
      begin_scores(ds, values, arriving, 1);
      fetch(i);
      products_wait<1>();
      settle(p);
      SharedAddress levels = memory.statistics(stage, 0) + lane % 4 * 8;
#pragma unroll
      for (int j = 0; j < TILE / 8; j++) {
        float own[2];
        floats_at(levels + j * 32, own[0], own[1]);
#pragma unroll
        for (int e = 0; e < 4; e++) p[j * 4 + e] = exp2_fast(p[j * 4 + e] * steep - own[e % 2]);
      }
      if (tile == group || tile >= whole) {
        SharedAddress firsts = memory.statistics(stage, 2) + lane % 4 * 8;
#pragma unroll
        for (int j = 0; j < TILE / 8; j++) {
          int oldest[2];
          integers_at(firsts + j * 32, oldest[0], oldest[1]);
#pragma unroll
          for (int e = 0; e < 4; e++) {
            int key = mine + warp * 16 + lane / 4 + e / 2 * 8;
            int query = block + tile * TILE + j * 8 + lane % 4 * 2 + e % 2;
            if (key > query || key < oldest[e % 2]) p[j * 4 + e] = 0.f;
          }
        }
      }
      to_operands(rounded_p, p);
      products_wait<0>();
      settle(ds);
#pragma unroll
      for (int n = 0; n < TILE / 2; n++) ds[n] *= p[n];
      to_operands(rounded_ds, ds);
      products_begin();
      begin_sums(of_values, rounded_p, arriving);
      begin_sums(of_keys, rounded_ds, queries);
      products_commit();
      products_wait<0>();
      settle(of_keys);
      settle(of_values);
    } else {
      fetch(i);
    }
    if (i > 0) barrier_wait(read, (i - 1) & 1);
    warp_arrives(read, lane);  // this warp needs the tile no more
    stage = following(stage);
    if (++tile == tiles) tile = 0;
  }
  store_rows(
      dk + batch * dk_batch + mine * dk_time + kv_head * dk_head, dk_time, time - mine, of_keys, scale, warp, lane);
  store_rows(
      dv + batch * dv_batch + mine * dv_time + kv_head * dv_head, dv_time, time - mine, of_values, 1.f, warp, lane);
}

// Launch: grid (heads * batch; time / (TILE * QUERY_GROUPS), rounded up), 128 * QUERY_GROUPS threads. Blocks of
// late queries, which see more keys, come first.
extern "C" __global__ void __launch_bounds__(128 * QUERY_GROUPS, QUERY_BLOCKS) window_backward_queries(
    const bf16* __restrict__ q, Long q_batch, Long q_time, Long q_head, const bf16* __restrict__ k,
    Long k_batch, Long k_time, Long k_head, const bf16* __restrict__ v, Long v_batch, Long v_time,
    Long v_head, const bf16* __restrict__ dout, Long dout_batch, Long dout_time, Long dout_head,
    const float* __restrict__ level, const float* __restrict__ offset, const int* __restrict__ first,
    bf16* __restrict__ dq, Long dq_batch, Long dq_time, Long dq_head, int time, int heads, int shared,
    float scale) {
  constexpr int WORKERS = 128 * QUERY_GROUPS;
  Memory<QUERY_GROUPS, false> memory;
  int group = uniform(threadIdx.x / 128), worker = threadIdx.x % 128, warp = worker / 32, lane = worker % 32;
  int padded = (time + PADDING - 1) / PADDING * PADDING;
  Long batch = blockIdx.x / heads, head = blockIdx.x % heads, kv_head = head / shared;
  int block = (gridDim.y - 1 - blockIdx.y) * TILE * QUERY_GROUPS, mine = block + group * TILE;
  SharedAddress come = memory.barrier(0), read = memory.barrier(1);
  if (threadIdx.x == 0) barrier_init(come, WORKERS / 32), barrier_init(read, WORKERS / 32);

  load_own(memory.own(group, 0), q + batch * q_batch + mine * q_time + head * q_head, q_time, time - mine, worker);
  load_own(
      memory.own(group, 1), dout + batch * dout_batch + mine * dout_time + head * dout_head, dout_time, time - mine,
      worker);

  first += batch * padded;
  int key = max(first[block], 0) / TILE * TILE, end = min(block + TILE * QUERY_GROUPS, time);
  Loader loader(
      group == 0 ? k + batch * k_batch + key * k_time + kv_head * k_head
                 : v + batch * v_batch + key * v_time + kv_head * v_head,
      group == 0 ? k_time : v_time, memory.passing(0, min(group, 1)), worker);
  int ahead_stage = 0;
  auto load_next = [&](int from) {
    if (from < end && group < 2) loader.load(ahead_stage, time - from);
    copies_commit();
    ahead_stage = following(ahead_stage);
  };
  for (int i = 0; i < AHEAD; i++) load_next(key + i * TILE);

  float levels[2], offsets[2];
  int oldest[2];
#pragma unroll
  for (int r = 0; r < 2; r++) {
    int t = min(mine + warp * 16 + lane / 4 + 8 * r, padded - 1);
    levels[r] = level[(batch * heads + head) * padded + t];
    offsets[r] = offset[(batch * heads + head) * padded + t];
    oldest[r] = first[t];
  }
  // The oldest key that any of the group's queries sees, and the one from which on all do.
  int oldest_any = uniform(first[min(mine, padded - 1)]);
  int oldest_all = uniform(first[min(mine + TILE, padded) - 1]);
  copies_wait<AHEAD - 1>();
  publish();
  __syncthreads();

  Tile queries = memory.own(group, 0), arriving = memory.own(group, 1);
  Sums sums;
#pragma unroll
  for (int i = 0; i < HEAD_DIM / 2; i++) sums[i] = 0.f;
  float steep = scale * LOG2_E;
  auto fetch = [&] {
    copies_wait<AHEAD - 2>();
    publish();
    warp_arrives(come, lane);  // this warp's part of the next tile is there
    load_next(key + AHEAD * TILE);
  };
  int stage = 0;
#pragma unroll 1
  for (int i = 0; key < end; i++, key += TILE) {
    if (i > 0) barrier_wait(come, (i - 1) & 1);
    if (key < mine + TILE && key + TILE > oldest_any) {
      Tile keys = memory.passing(stage, 0), values = memory.passing(stage, 1);
      Scores p, ds;
      Weights rounded;
#pragma unroll
      for (int n = 0; n < TILE / 2; n++) ds[n] = offsets[n / 2 % 2];
      settle(ds);
      products_begin();
      begin_scores(p, queries, keys, 0);
      begin_scores(ds, arriving, values, 1);
      fetch();
      products_wait<1>();
      settle(p);
#pragma unroll
      for (int n = 0; n < TILE / 2; n++) p[n] = exp2_fast(p[n] * steep - levels[n / 2 % 2]);
      if (key + TILE - 1 > mine || key < oldest_all) {
#pragma unroll
        for (int n = 0; n < TILE / 2; n++) {
          int at = key + n / 4 * 8 + lane % 4 * 2 + n % 2, r = n / 2 % 2;
          if (at > mine + warp * 16 + lane / 4 + 8 * r || at < oldest[r]) p[n] = 0.f;
        }
      }
      products_wait<0>();
      settle(ds);
#pragma unroll
      for (int n = 0; n < TILE / 2; n++) ds[n] *= p[n];
      to_operands(rounded, ds);
      products_begin();
      begin_sums(sums, rounded, keys);
      products_commit();
      products_wait<0>();
      settle(sums);
    } else {
      fetch();
    }
    if (i > 0) barrier_wait(read, (i - 1) & 1);
    warp_arrives(read, lane);  // this warp needs the tile no more
    stage = following(stage);
  }
  store_rows(
      dq + batch * dq_batch + mine * dq_time + head * dq_head, dq_time, time - mine, sums, scale, warp, lane);
}
#endif
