// What a router makes of logits, row by row: scores, the k experts that it prefers, their weights; and
// of all rows what the losses on the load need.
//
//   logits   fp32 [rows, EXPERTS]
//   bias     fp32 [EXPERTS] or null: added to the scores where experts are chosen, and only there
//   experts  int64 [rows, k], best first; of equals the first; NaN counts as the best
//   weights  fp32 [rows, k]: their scores, scaled to a sum of one if `normalize`
//   counts   fp32 [EXPERTS]: how many choices fell on each
//   balance  balance_factor * EXPERTS * sum over experts of share of the choices * mean probability
//   z        z_factor * mean square of the logits' log-sum-exp
//   entropy  mean entropy of the probabilities, which are scores scaled to a sum of one
//
// Options: see expert_row.cu.
constexpr int THREADS = 1024;
constexpr int WARPS = THREADS / 32;
constexpr int ROWS = THREADS / LANES;
constexpr int TOTALS = 2 * PADDED + 2;

// `totals`: counts and sums of probabilities of each expert, sums of squared sizes and of entropies.
// The first warp leaves what they come to.
__device__ __forceinline__ void leave(
    const float* totals, Long rows, int k, float balance_factor, float z_factor, float* counts,
    float* balance, float* z, float* entropy) {
  if (threadIdx.x >= 32) return;
  float sum = 0.f;
  for (int e = threadIdx.x; e < EXPERTS; e += 32) {
    counts[e] = totals[e];
    sum += totals[e] / ((float)rows * k) * (totals[PADDED + e] / rows);
  }
  sum = sum_lanes(sum);
  if (threadIdx.x == 0) {
    *balance = balance_factor * EXPERTS * sum;
    *z = z_factor * (totals[2 * PADDED] / rows);
    *entropy = totals[2 * PADDED + 1] / rows;
  }
}

extern "C" __device__ const int expert_choice_waits = 1;

// Launch: blocks of 1024 threads. One leaves the losses; of several each leaves its row of
// partials [blocks, TOTALS], for expert_losses.
extern "C" __global__ void __launch_bounds__(THREADS, 1) expert_choice(
    const float* logits, const float* bias, Long rows, int k, int sigmoid,
    int normalize, float balance_factor, float z_factor, Long* __restrict__ experts,
    float* __restrict__ weights, float* __restrict__ partials, float* __restrict__ counts,
    float* __restrict__ balance, float* __restrict__ z, float* __restrict__ entropy) {
  wait_for_prerequisites();
  __shared__ float of_warps[WARPS][TOTALS];
  __shared__ float totals[TOTALS];
  int lane = threadIdx.x % LANES;
  float chosen[ITEMS], probable[ITEMS], squares = 0.f, entropies = 0.f;
#pragma unroll
  for (int i = 0; i < ITEMS; i++) chosen[i] = probable[i] = 0.f;
  for (Long first = (Long)blockIdx.x * ROWS; first < rows; first += (Long)gridDim.x * ROWS) {
    Long number = first + threadIdx.x / LANES;
    bool some = number < rows;
    Row row(logits + (some ? number : rows - 1) * EXPERTS, lane, sigmoid);
    float sum = 0.f, scale, weight[ITEMS];
    int expert[ITEMS];
    unsigned taken = choose(row, bias, k, lane, expert, weight, scale);
#pragma unroll
    for (int i = 0; i < ITEMS; i++) {
      int j = i * LANES + lane;
      if (some && j < k) {
        experts[number * k + j] = expert[i];
        weights[number * k + j] = normalize ? weight[i] / (scale + TINY) : weight[i];
      }
      sum += j < EXPERTS ? row.score[i] : 0.f;
    }
    sum = sum_lanes<LANES>(sum) + TINY;
    if (some) {
#pragma unroll
      for (int i = 0; i < ITEMS; i++) {
        float p = i * LANES + lane < EXPERTS ? row.score[i] / sum : 0.f;
        chosen[i] += taken >> i & 1;
        probable[i] += p;
        entropies -= p == 0.f ? 0.f : p * logf(p);
      }
      if (lane == 0) squares += row.size * row.size;
    }
  }
  int warp = threadIdx.x / 32;
#pragma unroll
  for (int i = 0; i < ITEMS; i++) {
#pragma unroll
    for (int mask = LANES; mask < 32; mask *= 2) {
      chosen[i] += exchange(chosen[i], mask);
      probable[i] += exchange(probable[i], mask);
    }
    if (threadIdx.x % 32 < LANES) {
      of_warps[warp][i * LANES + lane] = chosen[i];
      of_warps[warp][PADDED + i * LANES + lane] = probable[i];
    }
  }
#pragma unroll
  for (int mask = 16; mask > 0; mask /= 2) {
    squares += exchange(squares, mask);
    entropies += exchange(entropies, mask);
  }
  if (threadIdx.x % 32 == 0) {
    of_warps[warp][2 * PADDED] = squares;
    of_warps[warp][2 * PADDED + 1] = entropies;
  }
  __syncthreads();
  if (threadIdx.x < TOTALS) {
    float sum = 0.f;
#pragma unroll
    for (int w = 0; w < WARPS; w++) sum += of_warps[w][threadIdx.x];
    totals[threadIdx.x] = sum;
    if (gridDim.x > 1) partials[(Long)blockIdx.x * TOTALS + threadIdx.x] = sum;
  }
  __syncthreads();
  if (gridDim.x == 1)
    leave(totals, rows, k, balance_factor, z_factor, counts, balance, z, entropy);
}

extern "C" __device__ const int expert_losses_waits = 1;

// Launch: one block of 1024 threads.
extern "C" __global__ void __launch_bounds__(THREADS, 1) expert_losses(
    const float* partials, int blocks, Long rows, int k, float balance_factor,
    float z_factor, float* __restrict__ counts, float* __restrict__ balance, float* __restrict__ z,
    float* __restrict__ entropy) {
  wait_for_prerequisites();
  __shared__ float totals[TOTALS];
  if (threadIdx.x < TOTALS) {
    float sum = 0.f;
#pragma unroll 16
    for (int b = 0; b < blocks; b++) sum += partials[(Long)b * TOTALS + threadIdx.x];
    totals[threadIdx.x] = sum;
  }
  __syncthreads();
  leave(totals, rows, k, balance_factor, z_factor, counts, balance, z, entropy);
}

// Each gradient that arrives may be null. The choice and the shares that it comes to have none.
//
// Launch: ceil(rows / (1024 / LANES)) blocks of 1024 threads.
extern "C" __global__ void __launch_bounds__(THREADS, 1) expert_choice_backward(
    const float* __restrict__ logits, const Long* __restrict__ experts,
    const float* __restrict__ counts, const float* __restrict__ dweights,
    const float* __restrict__ dbalance, const float* __restrict__ dz, Long rows, int k, int sigmoid,
    int normalize, float balance_factor, float z_factor, float* __restrict__ dlogits) {
  int lane = threadIdx.x % LANES;
  Long number = (Long)blockIdx.x * ROWS + threadIdx.x / LANES;
  bool some = number < rows;
  if (!some) number = rows - 1;
  Row row(logits + number * EXPERTS, lane, sigmoid);
  float d[ITEMS], chosen = 0.f, along = 0.f;
  unsigned taken = 0;
#pragma unroll
  for (int i = 0; i < ITEMS; i++) d[i] = 0.f;
  if (dweights) {
    for (int j = 0; j < k; j++) {
      int expert = (int)experts[number * k + j];
      float arriving = dweights[number * k + j];
#pragma unroll
      for (int i = 0; i < ITEMS; i++) {
        if (i * LANES + lane == expert) {
          taken |= 1u << i;
          d[i] = arriving;
          chosen += row.score[i];
          along += arriving * row.score[i];
        }
      }
    }
    chosen = sum_lanes<LANES>(chosen) + TINY;
    along = sum_lanes<LANES>(along) / chosen;
    if (normalize) {
#pragma unroll
      for (int i = 0; i < ITEMS; i++)
        if (taken >> i & 1) d[i] = (d[i] - along) / chosen;
    }
  }
  if (dbalance) {
    float factor = *dbalance * balance_factor * EXPERTS / ((float)rows * k) / rows;
    float sum = 0.f, mean = 0.f, pull[ITEMS];
#pragma unroll
    for (int i = 0; i < ITEMS; i++) {
      bool is = i * LANES + lane < EXPERTS;
      pull[i] = is ? factor * counts[i * LANES + lane] : 0.f;
      sum += is ? row.score[i] : 0.f;
      mean += is ? pull[i] * row.score[i] : 0.f;
    }
    sum = sum_lanes<LANES>(sum) + TINY;
    mean = sum_lanes<LANES>(mean) / sum;
#pragma unroll
    for (int i = 0; i < ITEMS; i++) d[i] += (pull[i] - mean) / sum;
  }
  float mean = 0.f;
#pragma unroll
  for (int i = 0; i < ITEMS; i++) mean += i * LANES + lane < EXPERTS ? d[i] * row.score[i] : 0.f;
  mean = sum_lanes<LANES>(mean);
  float size = dz ? *dz * z_factor * 2.f * row.size / rows : 0.f;
#pragma unroll
  for (int i = 0; i < ITEMS; i++) {
    float s = row.score[i];
    float out = (sigmoid ? d[i] * (1.f - s) : d[i] - mean) * s + size * row.soft[i];
    if (some && i * LANES + lane < EXPERTS) dlogits[number * EXPERTS + i * LANES + lane] = out;
  }
}
