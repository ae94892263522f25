// One more token of each row: its key and value go to their slots, and its queries attend to what
// they see. Keys and values stand in slots [rows, slots, kv_heads, HEAD_DIM], each at its position
// modulo the slots; those of strided positions that have left the window in slots of their own, the
// globals. Positions are on the device, so that a captured graph can be replayed further on.
//
// Chosen by the host: HEAD_DIM (a multiple of 32), GROUP (query heads of a key head), GLOBALS (0 or 1).

#define THREADS 128  // DecodingKernels launches so many
#define WARPS (THREADS / 32)
#define SPLIT 256  // slots of a block, as DecodingKernels counts
#define ITEMS (HEAD_DIM / 32)
#define LOWEST -1e30f

// Grid: (ceil(width / THREADS), rows), with width = kv_heads * HEAD_DIM.
extern "C" __global__ void __launch_bounds__(THREADS) decode_write(
    const Element* __restrict__ k, const Element* __restrict__ v,
    const long long* __restrict__ positions, Element* __restrict__ keys,
    Element* __restrict__ values, Element* __restrict__ global_keys,
    Element* __restrict__ global_values, int slots, int global_slots, int width, int window,
    int every, int globals) {
  int column = blockIdx.x * THREADS + threadIdx.x;
  if (column >= width) return;
  long long row = blockIdx.y;
  long long position = positions[row];
  long long at = (row * slots + position % slots) * width + column;
  if (GLOBALS) {
    long long leaving = position - window;
    if (leaving >= 0 && leaving % every == 0 && (leaving == 0 || globals > 0)) {
      long long number = leaving / every;
      long long slot = number == 0 ? 0 : 1 + (number - 1) % globals;
      if (slot < global_slots) {  // a row that is no text may be anywhere
        long long to = (row * global_slots + slot) * width + column;
        global_keys[to] = keys[at];
        global_values[to] = values[at];
      }
    }
  }
  keys[at] = k[row * width + column];
  values[at] = v[row * width + column];
}

// A warp takes every fourth slot of the block's, its lanes the dimensions of a head, 32 apart. Of
// each query head of the group the block leaves the largest score, the sum of the exponentials
// relative to it [rows, heads, splits, 2], and their sum of values [rows, heads, splits, HEAD_DIM].
// Grid: (splits, kv_heads, rows); the first `global_splits` are those of the globals.
extern "C" __global__ void __launch_bounds__(THREADS) decode_attention(
    const Element* __restrict__ q, const long long* __restrict__ positions,
    const long long* __restrict__ padding, const Element* __restrict__ keys,
    const Element* __restrict__ values, const Element* __restrict__ global_keys,
    const Element* __restrict__ global_values, float* __restrict__ sums,
    float* __restrict__ partials, int slots, int global_slots, int global_splits, int kv_heads,
    int window, int every, float scale, float cap) {
  __shared__ float shared_out[WARPS][HEAD_DIM];
  __shared__ float shared_sums[WARPS][2];
  int split = blockIdx.x, kv_head = blockIdx.y;
  long long row = blockIdx.z;
  int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  long long position = positions[row];

  bool of_globals = GLOBALS && split < global_splits;
  long long end, from = 0;
  if (of_globals) {
    end = position < window ? 0 : (position - window) / every + 1;
    end = end < global_slots ? end : global_slots;
  } else {
    end = position + 1 < slots ? position + 1 : slots;
    if (padding != nullptr) from = padding[row];
  }
  int own_slots = of_globals ? global_slots : slots;
  long long first = (long long)(of_globals ? split : split - global_splits) * SPLIT;
  long long last = first + SPLIT < end ? first + SPLIT : end;
  if (from < first) from = first;
  const Element* k = of_globals ? global_keys : keys;
  const Element* v = of_globals ? global_values : values;
  long long base = (row * own_slots * kv_heads + kv_head) * HEAD_DIM + lane;
  long long step = (long long)kv_heads * HEAD_DIM;

  long long head = row * kv_heads * GROUP + (long long)kv_head * GROUP;
  float query[GROUP][ITEMS], out[GROUP][ITEMS], top[GROUP], sum[GROUP];
#pragma unroll
  for (int g = 0; g < GROUP; g++) {
    top[g] = LOWEST;
    sum[g] = 0.f;
#pragma unroll
    for (int i = 0; i < ITEMS; i++) {
      query[g][i] = to_float(q[(head + g) * HEAD_DIM + i * 32 + lane]) * scale;
      out[g][i] = 0.f;
    }
  }
#pragma unroll 2
  for (long long slot = from + warp; slot < last; slot += WARPS) {
    float key[ITEMS], value[ITEMS];
#pragma unroll
    for (int i = 0; i < ITEMS; i++) {
      key[i] = to_float(k[base + slot * step + i * 32]);
      value[i] = to_float(v[base + slot * step + i * 32]);
    }
#pragma unroll
    for (int g = 0; g < GROUP; g++) {
      float score = 0.f;
#pragma unroll
      for (int i = 0; i < ITEMS; i++) score += query[g][i] * key[i];
#pragma unroll
      for (int mask = 16; mask > 0; mask /= 2) score += exchange(score, mask);
      if (cap > 0.f) score = cap * tanhf(score / cap);
      float higher = fmaxf(top[g], score);
      float before = exp2_fast(LOG2_E * (top[g] - higher));
      float weight = exp2_fast(LOG2_E * (score - higher));
      top[g] = higher;
      sum[g] = sum[g] * before + weight;
#pragma unroll
      for (int i = 0; i < ITEMS; i++) out[g][i] = out[g][i] * before + weight * value[i];
    }
  }
  int splits = gridDim.x;
#pragma unroll
  for (int g = 0; g < GROUP; g++) {
    __syncthreads();
#pragma unroll
    for (int i = 0; i < ITEMS; i++) shared_out[warp][i * 32 + lane] = out[g][i];
    if (lane == 0) {
      shared_sums[warp][0] = top[g];
      shared_sums[warp][1] = sum[g];
    }
    __syncthreads();
    float highest = LOWEST, total = 0.f;
#pragma unroll
    for (int w = 0; w < WARPS; w++) highest = fmaxf(highest, shared_sums[w][0]);
#pragma unroll
    for (int w = 0; w < WARPS; w++)
      total += shared_sums[w][1] * exp2_fast(LOG2_E * (shared_sums[w][0] - highest));
    long long at = (head + g) * splits + split;
    for (int d = threadIdx.x; d < HEAD_DIM; d += THREADS) {
      float joined = 0.f;
#pragma unroll
      for (int w = 0; w < WARPS; w++)
        joined += shared_out[w][d] * exp2_fast(LOG2_E * (shared_sums[w][0] - highest));
      partials[at * HEAD_DIM + d] = joined;
    }
    if (threadIdx.x == 0) {
      sums[at * 2] = highest;
      sums[at * 2 + 1] = total;
    }
  }
}

// Joins the splits: y [rows, heads, HEAD_DIM]. Grid: (rows * heads).
extern "C" __global__ void __launch_bounds__(THREADS) decode_join(
    const float* __restrict__ sums, const float* __restrict__ partials, Element* __restrict__ y,
    int splits) {
  long long head = blockIdx.x;
  float highest = LOWEST;
  for (int s = 0; s < splits; s++) highest = fmaxf(highest, sums[(head * splits + s) * 2]);
  float total = 0.f;
  for (int s = 0; s < splits; s++) {
    const float* of = sums + (head * splits + s) * 2;
    total += of[1] * exp2_fast(LOG2_E * (of[0] - highest));
  }
  for (int d = threadIdx.x; d < HEAD_DIM; d += THREADS) {
    float joined = 0.f;
    for (int s = 0; s < splits; s++) {
      float weight = exp2_fast(LOG2_E * (sums[(head * splits + s) * 2] - highest));
      if (weight > 0.f) joined += weight * partials[(head * splits + s) * HEAD_DIM + d];
    }
    from_float(joined / total, y[head * HEAD_DIM + d]);
  }
}
