// Merges attention to a window with that to strided positions and to the first one, by normalisers.
//
// Queries are numbered t = (block + shift) * every + place. The strided part is laid out with `place`
// as part of its batch, so that query `block` sees the strided keys block - globals + 1 .. block. From
// block = globals on a query sees key 0 besides. Earlier ones (block < 0) see their window only.
//
// Compile-time options (-D): HEAD_DIM, a multiple of 8 up to 256.
//
//   q, out, gradient  bf16 [batch, time, heads, HEAD_DIM], q with strides, the others contiguous
//   k, v              bf16 [batch, keys, kvHeads, HEAD_DIM] with strides: the first row is read
//   far               bf16 [batch, every, blocks, heads, HEAD_DIM] or null if there are no globals
//   lse, near_lse     fp32 [batch, heads, time], far_lse fp32 [batch, every, heads, blocks]
typedef long long Long;

constexpr int VECTORS = HEAD_DIM / 8;
constexpr int LANES = VECTORS <= 1 ? 1 : VECTORS <= 2 ? 2 : VECTORS <= 4 ? 4 : VECTORS <= 8 ? 8 : VECTORS <= 16 ? 16 : 32;
constexpr int THREADS = 256;
constexpr int ROWS = THREADS / LANES;
static_assert(HEAD_DIM % 8 == 0 && HEAD_DIM <= 256, "see above");

__device__ __forceinline__ float dot_of_row(const float (&a)[8], const float (&b)[8]) {
  float sum = 0.f;
#pragma unroll
  for (int i = 0; i < 8; i++) sum += a[i] * b[i];
#pragma unroll
  for (int mask = LANES / 2; mask > 0; mask /= 2) sum += exchange(sum, mask);
  return sum;
}

__device__ __forceinline__ void load_own(float (&values)[8], const bf16* row, int lane) {
  if (lane < VECTORS) {
    load_floats<8>(row + 8 * lane, values);
  } else {
#pragma unroll
    for (int i = 0; i < 8; i++) values[i] = 0.f;
  }
}

// Launch: grid (time * heads / ROWS, rounded up; 1; batch), 256 threads, ROWS = 256 / (HEAD_DIM / 8,
// rounded up to a power of 2).
//
//   out (first the window's, then the whole), near_lse, lse (the whole's)
extern "C" __global__ void __launch_bounds__(THREADS) merged_parts(
    const bf16* q, Long q_batch, Long q_time, Long q_head, const bf16* k, Long k_batch, Long k_time,
    Long k_head, const bf16* v, Long v_batch, Long v_time, Long v_head, const bf16* far,
    const float* far_lse, const float* near_lse, bf16* out, float* lse, int time, int heads,
    int shared, int every, int shift, int blocks, int globals, float scale) {
  int lane = threadIdx.x % LANES;
  Long row = (Long)blockIdx.x * ROWS + threadIdx.x / LANES;
  Long batch = blockIdx.z;
  bool some = row < (Long)time * heads;
  if (!some) row = 0;  // a warp stays together
  int t = (int)(row / heads);
  int head = (int)(row % heads);
  int block = t / every - shift;
  Long at = (batch * heads + head) * time + t;
  float near = near_lse[at];
  if (block < 0) {
    if (some && lane == 0) lse[at] = near;
    some = false;
    block = 0;
  }
  bool strided = some && far != nullptr;
  bool first = some && block >= globals;
  Long place = batch * every + t % every;
  float query[8];
  float key[8];
  load_own(query, q + batch * q_batch + t * q_time + head * q_head, lane);
  load_own(key, k + batch * k_batch + head / shared * k_head, lane);
  float score = scale * dot_of_row(query, key);
  float none = __uint_as_float(0xff800000u);
  float second = strided ? far_lse[(place * heads + head) * blocks + block] : none;
  float third = first ? score : none;
  float most = fmaxf(near, fmaxf(second, third));
  float near_part = __expf(near - most);
  float far_part = strided ? __expf(second - most) : 0.f;
  float first_part = first ? __expf(third - most) : 0.f;
  float sum = near_part + far_part + first_part;
  if (!some) return;
  if (lane == 0) lse[at] = most + __logf(sum);
  if (lane >= VECTORS) return;
  float result[8];
  float value[8];
  bf16* to = out + ((batch * time + t) * heads + head) * HEAD_DIM + 8 * lane;
  load_floats<8>(to, result);
  near_part /= sum;
#pragma unroll
  for (int i = 0; i < 8; i++) result[i] *= near_part;
  if (strided) {
    load_floats<8>(far + ((place * blocks + block) * heads + head) * HEAD_DIM + 8 * lane, value);
#pragma unroll
    for (int i = 0; i < 8; i++) result[i] += far_part / sum * value[i];
  }
  if (first) {
    load_floats<8>(v + batch * v_batch + head / shared * v_head + 8 * lane, value);
#pragma unroll
    for (int i = 0; i < 8; i++) result[i] += first_part / sum * value[i];
  }
  store<bf16, 8>(to, result);
}

// Adds to the gradient of q what comes through the strided part, given like `far`, and through the
// first key; and the gradients of the first key and value, by block of queries.
//
// Launch: grid (parts, heads, batch), 256 threads; a part takes TOKENS_OF_PART queries, counted from
// block 0.
//
//   q_gradient  bf16 [batch, time, heads, HEAD_DIM], contiguous, first the window's
//   partials    fp32 [batch, heads, parts, 2, HEAD_DIM]: key, value
constexpr int TOKENS_OF_PART = 256;
extern "C" __global__ void __launch_bounds__(THREADS) merged_parts_backward(
    const bf16* q, Long q_batch, Long q_time, Long q_head, const bf16* k, Long k_batch, Long k_time,
    Long k_head, const bf16* v, Long v_batch, Long v_time, Long v_head, const bf16* far,
    const bf16* out, const bf16* gradient, const float* lse, bf16* q_gradient, float* partials,
    int time, int heads, int shared, int every, int shift, int blocks, int globals, float scale) {
  __shared__ __align__(16) float sums[2][ROWS][LANES * 8];
  int lane = threadIdx.x % LANES;
  int own = threadIdx.x / LANES;
  Long head = blockIdx.y;
  Long batch = blockIdx.z;
  float key[8];
  float value[8];
  load_own(key, k + batch * k_batch + head / shared * k_head, lane);
  load_own(value, v + batch * v_batch + head / shared * v_head, lane);
  float of_key[8];
  float of_value[8];
#pragma unroll
  for (int i = 0; i < 8; i++) of_key[i] = of_value[i] = 0.f;
  for (int step = own; step < TOKENS_OF_PART; step += ROWS) {
    int token = blockIdx.x * TOKENS_OF_PART + step;
    int t = shift * every + token;
    bool some = t < time;
    if (!some) t = time - 1;
    int block = t / every - shift;
    bool first = some && block >= globals;
    Long at = ((batch * time + t) * heads + head) * HEAD_DIM;
    float query[8];
    float result[8];
    float arriving[8];
    load_own(query, q + batch * q_batch + t * q_time + head * q_head, lane);
    load_own(result, out + at, lane);
    load_own(arriving, gradient + at, lane);
    float score = scale * dot_of_row(query, key);
    float part = first ? __expf(score - lse[(batch * heads + head) * time + t]) : 0.f;
    float change = part * (dot_of_row(arriving, value) - dot_of_row(arriving, result)) * scale;
#pragma unroll
    for (int i = 0; i < 8; i++) {
      of_key[i] += change * query[i];
      of_value[i] += part * arriving[i];
    }
    if (some && lane < VECTORS) {
      float total[8];
      load_floats<8>(q_gradient + at + 8 * lane, total);
#pragma unroll
      for (int i = 0; i < 8; i++) total[i] += change * key[i];
      if (far != nullptr) {
        float more[8];
        Long place = batch * every + t % every;
        load_floats<8>(far + ((place * blocks + block) * heads + head) * HEAD_DIM + 8 * lane, more);
#pragma unroll
        for (int i = 0; i < 8; i++) total[i] += more[i];
      }
      store<bf16, 8>(q_gradient + at + 8 * lane, total);
    }
  }
#pragma unroll
  for (int i = 0; i < 8; i++) {
    sums[0][own][8 * lane + i] = of_key[i];
    sums[1][own][8 * lane + i] = of_value[i];
  }
  __syncthreads();
  partials += ((batch * heads + head) * gridDim.x + blockIdx.x) * 2 * HEAD_DIM;
  for (int i = threadIdx.x; i < 2 * HEAD_DIM; i += THREADS) {
    float sum = 0.f;
    for (int r = 0; r < ROWS; r++) sum += sums[i / HEAD_DIM][r][i % HEAD_DIM];
    partials[i] = sum;
  }
}
