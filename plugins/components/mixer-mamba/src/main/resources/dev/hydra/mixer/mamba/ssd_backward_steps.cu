// The gradients of dt, A_log, dt_bias and D from what the other kernels found out per token and head.
//
// dlog[t], the gradient of the log decay at t (see ssd_backward_x), is a sum over the tokens of the
// chunk from t on and one over those before t; then
//
//   dstep[t] = direct[t] + A dlog[t],  ddt = dstep * softplus'(dt + dt_bias), 0 where step is at a limit
//
// Launch: grid (chunks, ceil(heads / 32), batch), STEP_WARPS * 32 threads, no dynamic shared memory.
//
//   dt ... dt_max  as for ssd_decay
//   step, total    from ssd_decay
//   flow, kept, direct, skipped  from ssd_backward_x
//   carried, through             from ssd_backward_states
//   ddt       [batch, time, heads] StepElement, strides ddt_batch, ddt_time, 1
//   per_head  [3, batch * chunks, heads] fp32: what this chunk adds to the gradients of A_log, dt_bias and D
constexpr int GROUP = 32;       // heads that a block takes
constexpr int STEP_WARPS = 32;  // a head each
extern "C" __device__ const int ssd_backward_steps_waits = 1;

extern "C" __global__ void __launch_bounds__(STEP_WARPS * 32) ssd_backward_steps(
    const StepElement* dt, Long dt_batch, Long dt_time, const float* decay_log, const float* bias,
    float dt_min, float dt_max, const float* step, const float* total, const float* flow,
    const float* kept, const float* direct, const float* skipped, const float* carried,
    const float* through, StepElement* ddt, Long ddt_batch, Long ddt_time, float* per_head,
    Long time, Long heads) {
  wait_for_prerequisites();
  __shared__ float raw[GROUP][Q + 1];
  int thread = threadIdx.x;
  int lane = thread & 31;
  int warp = thread >> 5;
  Long chunks = gridDim.x;
  Long chunk = blockIdx.x;
  Long row = blockIdx.z;
  Long first_head = (Long)blockIdx.y * GROUP;
  for (int i = warp; i < Q; i += STEP_WARPS) {
    Long t = chunk * Q + i;
    Long head = first_head + lane;
    bool some = t < time && head < heads;
    float shift = some && bias != nullptr ? bias[head] : 0.0f;
    raw[lane][i] = some ? to_float(dt[row * dt_batch + t * dt_time + head]) + shift : 0.0f;
  }
  __syncthreads();
  for (int each = warp; each < GROUP; each += STEP_WARPS) {
    Long head = first_head + each;
    if (head >= heads) break;
    float from_here[PER_LANE];
    float until_here[PER_LANE];
    float to_step[PER_LANE];
    float to_skip = 0.0f;
    float leaving = 0.0f;
#pragma unroll
    for (int k = 0; k < PER_LANE; k++) from_here[k] = until_here[k] = to_step[k] = 0.0f;
    for (int p = 0; p < P_TILES; p++) {
      Long tile = (row * heads + head) * P_TILES + p;
#pragma unroll
      for (int k = 0; k < PER_LANE; k++) {
        Long at = tile * chunks * Q + chunk * Q + lane * PER_LANE + k;
        from_here[k] += flow[at];
        until_here[k] += kept[at];
        to_step[k] += direct[at];
        to_skip += skipped[at];
      }
      for (int n = 0; n < N_TILES; n++) {
        Long part = tile * N_TILES + n;
        leaving += through[part * chunks + chunk];
#pragma unroll
        for (int k = 0; k < PER_LANE; k++) {
          from_here[k] += carried[part * chunks * Q + chunk * Q + lane * PER_LANE + k];
        }
      }
    }
    leaving *= total[(row * heads + head) * chunks + chunk];
    // Sums up to the end of each lane's tokens.
    float own_from = 0.0f;
    float own_until = 0.0f;
#pragma unroll
    for (int k = 0; k < PER_LANE; k++) {
      own_from += from_here[k];
      own_until += until_here[k];
    }
    float sum_from = own_from;
    float sum_until = own_until;
#pragma unroll
    for (int distance = 1; distance < 32; distance *= 2) {
      float a = from_below(sum_from, distance);
      float z = from_below(sum_until, distance);
      if (lane >= distance) {
        sum_from += a;
        sum_until += z;
      }
    }
    float rest = from_lane(sum_from, 31) - (sum_from - own_from);  // from this lane's first token on
    float gone = sum_until - own_until;                            // before it
    float a = -expf(decay_log[head]);
    Long at = (row * heads + head) * chunks * Q + chunk * Q + lane * PER_LANE;
    float to_rate = 0.0f;
    float to_bias = 0.0f;
#pragma unroll
    for (int k = 0; k < PER_LANE; k++) {
      float size = step[at + k];
      float d_log = size * a >= GONE ? rest + gone + leaving : 0.0f;
      rest -= from_here[k];
      gone += until_here[k];
      float value = raw[each][lane * PER_LANE + k];
      float unbounded = value > 20.0f ? value : log1pf(expf(value));
      float slope = value > 20.0f ? 1.0f : 1.0f / (1.0f + expf(-value));
      bool inside = unbounded >= dt_min && unbounded <= dt_max;
      bool exists = chunk * Q + lane * PER_LANE + k < time;
      float d_raw = inside && exists ? (to_step[k] + a * d_log) * slope : 0.0f;
      to_rate += exists ? d_log * size : 0.0f;
      to_bias += d_raw;
      raw[each][lane * PER_LANE + k] = d_raw;
    }
    to_rate = sum_between<1, 32>(to_rate);
    to_bias = sum_between<1, 32>(to_bias);
    to_skip = sum_between<1, 32>(to_skip);
    if (lane == 0) {
      Long to = (row * chunks + chunk) * heads + head;
      Long all = gridDim.z * chunks * heads;
      per_head[to] = to_rate * a;  // A changes by A as its logarithm does by 1
      per_head[all + to] = to_bias;
      per_head[2 * all + to] = to_skip;
    }
  }
  __syncthreads();
  for (int i = warp; i < Q; i += STEP_WARPS) {
    Long t = chunk * Q + i;
    Long head = first_head + lane;
    if (t < time && head < heads) put(ddt + row * ddt_batch + t * ddt_time + head, raw[lane][i]);
  }
}

// Sums per_head over batch and chunks, in an order that does not change.
//
// Launch: grid (ceil(heads / 32), 3), 256 threads, no dynamic shared memory.
//
//   per_head  [3, rows, heads]
//   gradients [3, heads] fp32: of A_log, dt_bias and D
extern "C" __device__ const int ssd_backward_heads_waits = 1;

extern "C" __global__ void __launch_bounds__(256) ssd_backward_heads(
    const float* per_head, float* gradients, Long rows, Long heads) {
  wait_for_prerequisites();
  __shared__ float sums[8][32];
  int lane = threadIdx.x & 31;
  int warp = threadIdx.x >> 5;
  Long head = (Long)blockIdx.x * 32 + lane;
  const float* from = per_head + blockIdx.y * rows * heads + head;
  float sum = 0.0f;
  if (head < heads) {
#pragma unroll 4
    for (Long i = warp; i < rows; i += 8) sum += from[i * heads];
  }
  sums[warp][lane] = sum;
  __syncthreads();
  if (warp == 0 && head < heads) {
    for (int w = 1; w < 8; w++) sum += sums[w][lane];
    gradients[blockIdx.y * heads + head] = sum;
  }
}
