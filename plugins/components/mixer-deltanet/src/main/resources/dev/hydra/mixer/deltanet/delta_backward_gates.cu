// The gradients of log decays and strengths from what the other kernels found per token:
//   dlog[t] = sum over i >= t of (entered[i] + flow[i]) + sum over j < t of left[j] + through
//   dstrength = beta dbeta (1 - beta / most)
//
// Launch: grid (chunks, ceil(heads / 8), batch), 256 threads: a warp for every head.
//
//   log, strength  [batch, time, heads] fp32, strides NAME_batch, NAME_time, 1
//   flow, wrote  from delta_backward_values; entered, left, through from delta_backward_keys
//   d_log, d_strength  [batch, time, heads] fp32, strides NAME_batch, NAME_time, 1

extern "C" __global__ void __launch_bounds__(256) delta_backward_gates(
    const float* log, Long log_batch, Long log_time, const float* strength, Long strength_batch,
    Long strength_time, const float* flow, const float* wrote, const float* entered,
    const float* left, const float* through, float* d_log, Long d_log_batch, Long d_log_time,
    float* d_strength, Long d_strength_batch, Long d_strength_time, Long time, Long heads) {
  int lane = threadIdx.x & 31;
  Long chunk = blockIdx.x;
  Long chunks = gridDim.x;
  Long row = blockIdx.z;
  Long head = (Long)blockIdx.y * HEADS_AT_ONCE + threadIdx.x / 32;
  if (head >= heads) return;
  Long sequence = row * heads + head;
  float from_here[2];   // in reverse, so that lane 0 has the last tokens
  float until_here[2];
  float passing = 0.0f;
#pragma unroll
  for (int k = 0; k < 2; k++) {
    int reverse = C - 1 - 2 * lane - k;
    from_here[k] = flow[(sequence * chunks + chunk) * C + reverse];
    until_here[k] = 0.0f;
#pragma unroll
    for (int tile = 0; tile < K_TILES; tile++) {
      Long part = (sequence * K_TILES + tile) * chunks + chunk;
      from_here[k] += entered[part * C + reverse];
      until_here[k] += left[part * C + 2 * lane + k];
      if (k == 0) passing += through[part];
    }
  }
  float reversed = sum_up_to(lane, from_here[0] + from_here[1]);
  float sum = sum_up_to(lane, until_here[0] + until_here[1]);
  float later = from_lane(reversed, 31 - lane);  // from this lane's first token on
  float earlier = from_below(sum, 1);
  if (lane == 0) earlier = 0.0f;
  float own_first = from_lane(from_here[1], 31 - lane);
  float flows[2] = {later + earlier + passing, later - own_first + earlier + until_here[0] + passing};
#pragma unroll
  for (int k = 0; k < 2; k++) {
    Long t = chunk * C + 2 * lane + k;
    if (t < time) {
      bool counts = log[row * log_batch + t * log_time + head] >= GONE;
      d_log[row * d_log_batch + t * d_log_time + head] = counts ? flows[k] : 0.0f;
      float logit = strength[row * strength_batch + t * strength_time + head];
      float rest = reciprocal_fast(1.0f + exp2_fast(LOG2_E * logit));
      d_strength[row * d_strength_batch + t * d_strength_time + head] =
          rest * wrote[(sequence * chunks + chunk) * C + 2 * lane + k];
    }
  }
}
