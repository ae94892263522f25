// One more token of each row: its key and value go to their slots, and its queries attend to what
// they see. Keys and values stand in slots [rows, slots, kv_heads, HEAD_DIM], each at its position
// modulo the slots; those of strided positions that have left the window in slots of their own, the
// globals. Positions are on the device, so that a captured graph can be replayed further on.
//
// Slots are attended to in parts, whose size follows from the row's own position: what a text sees
// is summed in the same order whatever stands beside it and however much room there is.
//
// Chosen by the host: HEAD_DIM (a multiple of 32), GROUP (query heads of a key head), HEADS (those
// that a block takes, a divisor of GROUP), GLOBALS (0 or 1).

#define THREADS 128  // DecodingKernels launches so many
#define WARPS (THREADS / 32)
#define TILE 64        // slots of the smallest part, as DecodingKernels counts
#define MOST_PARTS 64  // of the window, and of the globals, as DecodingKernels counts
#define LOWEST -1e30f

#define VECTOR (16 / (int)sizeof(Element))
#define VECTORS (HEAD_DIM / VECTOR)
#define LANES (VECTORS > 16 ? 32 : VECTORS > 8 ? 16 : VECTORS > 4 ? 8 : 4)  // of a slot
#define ITEMS ((VECTORS + LANES - 1) / LANES)                               // vectors of a lane
#define SLOTS (32 / LANES)                                                  // of a warp at once
#define AHEAD (ITEMS > 1 || SLOTS > 4 ? 2 : 4)  // slots of a lane that are read at once

// How many of the window's slots, or of the globals', a row has filled.
__device__ __forceinline__ long long filled(long long position, int slots) {
  return position + 1 < slots ? position + 1 : slots;
}

__device__ __forceinline__ long long filled_globals(
    long long position, int window, int every, int global_slots) {
  if (!GLOBALS || position < window) return 0;
  long long count = (position - window) / every + 1;
  return count < global_slots ? count : global_slots;
}

// Slots of a part: as few as the number of parts allows.
__device__ __forceinline__ long long part_size(long long count) {
  long long size = TILE;
  while (size * MOST_PARTS < count) size *= 2;
  return size;
}

__device__ __forceinline__ int parts_of(long long count) {
  long long size = part_size(count);
  return (int)((count + size - 1) / size);
}

// Dimension d of a head, of which the first 2 * half are turned by the angles of its token: of those,
// d and half + d are a pair.
__device__ __forceinline__ Element turned(
    const Element* head, int d, const float* cosines, const float* sines, int half) {
  if (d >= 2 * half) return head[d];
  int i = d < half ? d : d - half;
  float first = to_float(head[i]), second = to_float(head[half + i]);
  Element y;
  from_float(d < half ? first * cosines[i] - second * sines[i]
                      : second * cosines[i] + first * sines[i],
             y);
  return y;
}

extern "C" __device__ const int decode_move_waits = 1;

// Moves keys and values that leave the window and are strided to the globals, before the token's own
// take their slots. Grid: (ceil(width / THREADS), rows), with width = kv_heads * HEAD_DIM.
extern "C" __global__ void __launch_bounds__(THREADS) decode_move(
    const long long* positions, const Element* keys, const Element* values,
    Element* __restrict__ global_keys, Element* __restrict__ global_values, int slots,
    int global_slots, int width, int window, int every, int globals) {
  launch_dependents();
  wait_for_prerequisites();
  int column = blockIdx.x * THREADS + threadIdx.x;
  long long row = blockIdx.y;
  long long position = positions[row], leaving = position - window;
  if (column >= width || leaving < 0 || leaving % every != 0 || (leaving > 0 && globals == 0))
    return;
  long long number = leaving / every;
  long long slot = number == 0 ? 0 : 1 + (number - 1) % globals;
  if (slot >= global_slots) return;  // a row that is no text may be anywhere
  long long from = (row * slots + position % slots) * width + column;
  long long to = (row * global_slots + slot) * width + column;
  global_keys[to] = keys[from];
  global_values[to] = values[from];
}

extern "C" __device__ const int decode_attention_waits = 1;

// Queries [rows, kv_heads * GROUP, HEAD_DIM], and keys and values of the tokens [rows, kv_heads,
// HEAD_DIM]. Queries and the key are turned by cosines and sines, float32 [1 or rows, half]; with half
// = 0 they are not. The block whose part has the token's slot writes key and value there; of several
// for one key head each writes the same.
//
// LANES lanes of a warp take a slot, each VECTOR dimensions of its key and value (or ITEMS times so
// many), and the warps of a block every fourth set of SLOTS. Scores are in powers of 2. Of each query
// head the block leaves the largest score, the sum of the exponentials relative to it
// [rows, heads, parts, 2], and their sum of values [rows, heads, parts, HEAD_DIM].
// Grid: (parts, kv_heads * GROUP / HEADS, rows); the first `global_parts` are those of the globals.
extern "C" __global__ void __launch_bounds__(THREADS) decode_attention(
    const Element* q, const Element* k, const Element* v, const float* cosines, const float* sines,
    long long angles_row, const long long* positions, const long long* padding, Element* keys,
    Element* values, const Element* global_keys, const Element* global_values,
    float* __restrict__ sums, float* __restrict__ partials, int slots, int global_slots,
    int global_parts, int kv_heads, int half, int window, int every, float scale, float cap) {
  __shared__ __align__(16) Element shared_queries[HEADS][HEAD_DIM];
  __shared__ __align__(16) float shared_out[WARPS][HEADS][HEAD_DIM];
  __shared__ float shared_sums[WARPS][HEADS][2];
  int part = blockIdx.x;
  long long row = blockIdx.z;
  int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  int sub = lane / LANES, column = lane % LANES * VECTOR;
  launch_dependents();
  wait_for_prerequisites();
  long long position = positions[row];

  bool of_globals = GLOBALS && part < global_parts;
  long long count = of_globals ? filled_globals(position, window, every, global_slots)
                               : filled(position, slots);
  long long size = part_size(count);
  long long first = (of_globals ? part : part - global_parts) * size;
  if (first >= count) return;  // decode_join does not read what is not left
  long long last = first + size < count ? first + size : count;
  long long from = of_globals || padding == nullptr ? 0 : padding[row];

  long long heads = (long long)kv_heads * GROUP;
  long long head = row * heads + (long long)blockIdx.y * HEADS;
  long long kv_head = blockIdx.y * HEADS / GROUP;
  cosines += row * angles_row;
  sines += row * angles_row;
  for (int i = threadIdx.x; i < HEADS * HEAD_DIM; i += THREADS) {
    int h = i / HEAD_DIM, d = i % HEAD_DIM;
    shared_queries[h][d] = turned(q + (head + h) * HEAD_DIM, d, cosines, sines, half);
  }
  long long newest = position % slots;
  if (!of_globals && newest >= first && newest < last) {
    long long token = (row * kv_heads + kv_head) * HEAD_DIM;
    long long to = ((row * slots + newest) * kv_heads + kv_head) * HEAD_DIM;
    for (int d = threadIdx.x; d < HEAD_DIM; d += THREADS) {
      keys[to + d] = turned(k + token, d, cosines, sines, half);
      values[to + d] = v[token + d];
    }
  }
  __syncthreads();

  float factor = cap > 0.f ? scale : scale * LOG2_E;
  float query[HEADS][ITEMS * VECTOR], out[HEADS][ITEMS * VECTOR], top[HEADS], sum[HEADS];
#pragma unroll
  for (int h = 0; h < HEADS; h++) {
    top[h] = LOWEST;
    sum[h] = 0.f;
#pragma unroll
    for (int i = 0; i < ITEMS; i++) {
      int at = i * LANES * VECTOR + column;
      Vector<Element, VECTOR> some = zeros<Element, VECTOR>();
      if (at < HEAD_DIM) some = load<VECTOR>(&shared_queries[h][at]);
      float each[VECTOR];
      some.unpack(each);
#pragma unroll
      for (int v = 0; v < VECTOR; v++) {
        query[h][i * VECTOR + v] = each[v] * factor;
        out[h][i * VECTOR + v] = 0.f;
      }
    }
  }

  int own_slots = of_globals ? global_slots : slots;
  long long base = (row * own_slots * kv_heads + kv_head) * HEAD_DIM + column;
  long long step = (long long)kv_heads * HEAD_DIM;
  const Element* own_keys = (of_globals ? global_keys : keys) + base;
  const Element* own_values = (of_globals ? global_values : values) + base;
  for (long long begin = first; begin < last; begin += AHEAD * WARPS * SLOTS) {
    Vector<Element, VECTOR> key[AHEAD][ITEMS], value[AHEAD][ITEMS];
    bool seen[AHEAD];
#pragma unroll
    for (int a = 0; a < AHEAD; a++) {
      long long slot = begin + (a * WARPS + warp) * SLOTS + sub;
      seen[a] = slot >= from && slot < last;
#pragma unroll
      for (int i = 0; i < ITEMS; i++) {
        key[a][i] = zeros<Element, VECTOR>();
        value[a][i] = zeros<Element, VECTOR>();
        if (seen[a] && i * LANES * VECTOR + column < HEAD_DIM) {
          key[a][i] = load<VECTOR>(own_keys + slot * step + i * LANES * VECTOR);
          value[a][i] = load<VECTOR>(own_values + slot * step + i * LANES * VECTOR);
        }
      }
    }
    float weight[AHEAD][HEADS];
#pragma unroll
    for (int a = 0; a < AHEAD; a++) {
#pragma unroll
      for (int h = 0; h < HEADS; h++) weight[a][h] = 0.f;
#pragma unroll
      for (int i = 0; i < ITEMS; i++) {
        float each[VECTOR];
        key[a][i].unpack(each);
#pragma unroll
        for (int h = 0; h < HEADS; h++)
#pragma unroll
          for (int v = 0; v < VECTOR; v++) weight[a][h] += query[h][i * VECTOR + v] * each[v];
      }
    }
#pragma unroll
    for (int h = 0; h < HEADS; h++) {
      float higher = top[h];
#pragma unroll
      for (int a = 0; a < AHEAD; a++) {
        float score = weight[a][h];
        score = sum_lanes<LANES>(score);
        if (cap > 0.f) score = LOG2_E * cap * tanhf(score / cap);
        weight[a][h] = score;
        if (seen[a]) higher = fmaxf(higher, score);
      }
      float before = exp2_fast(top[h] - higher);
      top[h] = higher;
      sum[h] *= before;
#pragma unroll
      for (int a = 0; a < AHEAD; a++) {
        weight[a][h] = seen[a] ? exp2_fast(weight[a][h] - higher) : 0.f;
        sum[h] += weight[a][h];
      }
#pragma unroll
      for (int i = 0; i < ITEMS * VECTOR; i++) out[h][i] *= before;
    }
#pragma unroll
    for (int a = 0; a < AHEAD; a++)
#pragma unroll
      for (int i = 0; i < ITEMS; i++) {
        float each[VECTOR];
        value[a][i].unpack(each);
#pragma unroll
        for (int h = 0; h < HEADS; h++)
#pragma unroll
          for (int v = 0; v < VECTOR; v++) out[h][i * VECTOR + v] += weight[a][h] * each[v];
      }
  }

#pragma unroll
  for (int h = 0; h < HEADS; h++) {
    float higher = top[h];
    higher = largest_between<LANES, 32>(higher);
    float before = exp2_fast(top[h] - higher);
    sum[h] *= before;
    sum[h] = sum_between<LANES, 32>(sum[h]);
#pragma unroll
    for (int i = 0; i < ITEMS * VECTOR; i++) {
      out[h][i] *= before;
      out[h][i] = sum_between<LANES, 32>(out[h][i]);
    }
#pragma unroll
    for (int i = 0; i < ITEMS; i++) {
      int at = i * LANES * VECTOR + column;
      if (sub == 0 && at < HEAD_DIM)
#pragma unroll
        for (int v = 0; v < VECTOR; v++) shared_out[warp][h][at + v] = out[h][i * VECTOR + v];
    }
    if (lane == 0) {
      shared_sums[warp][h][0] = higher;
      shared_sums[warp][h][1] = sum[h];
    }
  }
  __syncthreads();
  for (int i = threadIdx.x; i < HEADS * HEAD_DIM / 4; i += THREADS) {
    int h = i / (HEAD_DIM / 4), at = i % (HEAD_DIM / 4) * 4;
    float highest = LOWEST, total = 0.f, joined[4] = {0.f, 0.f, 0.f, 0.f};
#pragma unroll
    for (int w = 0; w < WARPS; w++) highest = fmaxf(highest, shared_sums[w][h][0]);
#pragma unroll
    for (int w = 0; w < WARPS; w++) {
      float share = exp2_fast(shared_sums[w][h][0] - highest), some[4];
      total += share * shared_sums[w][h][1];
      load_floats<4>(&shared_out[w][h][at], some);
#pragma unroll
      for (int v = 0; v < 4; v++) joined[v] += share * some[v];
    }
    long long to = (head + h) * gridDim.x + part;
    store(partials + to * HEAD_DIM + at, joined);
    if (at == 0) {
      sums[to * 2] = highest;
      sums[to * 2 + 1] = total;
    }
  }
}

#define COLUMNS (HEAD_DIM / 4)
#define TOGETHER (THREADS / COLUMNS)  // parts that are read at once

extern "C" __device__ const int decode_join_waits = 1;

// Joins the parts of one query head: y [rows, heads, HEAD_DIM]. COLUMNS threads take 4 dimensions
// each of every part of number p, p + TOGETHER, ... Grid: (heads, rows).
extern "C" __global__ void __launch_bounds__(THREADS) decode_join(
    const float* sums, const float* partials, const long long* positions, Element* __restrict__ y,
    int slots, int global_slots, int global_parts, int parts, int window, int every) {
  __shared__ float shares[WARPS][2 * MOST_PARTS];
  __shared__ __align__(16) float shared_out[TOGETHER][HEAD_DIM];
  long long row = blockIdx.y;
  long long head = row * gridDim.x + blockIdx.x;
  int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  launch_dependents();
  wait_for_prerequisites();
  long long position = positions[row];
  int of_globals = parts_of(filled_globals(position, window, every, global_slots));
  int count = of_globals + parts_of(filled(position, slots));
  sums += head * parts * 2;
  partials += head * parts * HEAD_DIM;

  // Every warp finds the share of every part, so that none waits for another.
  float top[2 * MOST_PARTS / 32], sum[2 * MOST_PARTS / 32];
  float highest = LOWEST, total = 0.f;
#pragma unroll
  for (int i = 0; i < 2 * MOST_PARTS / 32; i++) {
    int part = i * 32 + lane;
    top[i] = LOWEST;
    sum[i] = 0.f;
    if (part < count) {
      int at = part < of_globals ? part : global_parts + part - of_globals;
      top[i] = sums[at * 2];
      sum[i] = sums[at * 2 + 1];
    }
    highest = fmaxf(highest, top[i]);
  }
  highest = largest_lane(highest);
#pragma unroll
  for (int i = 0; i < 2 * MOST_PARTS / 32; i++) {
    float share = sum[i] > 0.f ? exp2_fast(top[i] - highest) : 0.f;
    shares[warp][i * 32 + lane] = share;
    total += share * sum[i];
  }
  total = sum_lanes(total);
  __syncwarp();

  int group = threadIdx.x / COLUMNS, at = threadIdx.x % COLUMNS * 4;
  if (group < TOGETHER) {
    float joined[4] = {0.f, 0.f, 0.f, 0.f};
#pragma unroll 4
    for (int part = group; part < count; part += TOGETHER) {
      float share = shares[warp][part], some[4];
      int from = part < of_globals ? part : global_parts + part - of_globals;
      load_floats<4>(partials + (long long)from * HEAD_DIM + at, some);
#pragma unroll
      for (int v = 0; v < 4; v++) joined[v] += share * some[v];
    }
    store(&shared_out[group][at], joined);
  }
  __syncthreads();
  for (int d = threadIdx.x; d < HEAD_DIM; d += THREADS) {
    float joined = 0.f;
#pragma unroll
    for (int g = 0; g < TOGETHER; g++) joined += shared_out[g][d];
    from_float(joined / total, y[head * HEAD_DIM + d]);
  }
}
