// Step sizes and decays, all that depends on dt alone.
//
// step[t] = softplus(dt[t] + dt_bias) kept within [dt_min, dt_max], and of the log decays step * A,
// which are at most 0, the sums from the start of each chunk, in powers of 2. What passes between
// tokens i >= j of a chunk is exp2(logs[i] - logs[j]): a difference of at most 0, so nothing
// overflows. All outputs have [batch, heads, padded time]; in the padding behind the last token
// step is 0 and the sum stays, so padding neither adds to a state nor decays it.
//
// Launch: grid (chunks, ceil(heads / 4), batch), 128 threads, no dynamic shared memory. A warp has a head, and a block
// few of them: all that it does is wait for memory, which many small blocks do at the same time.
//
//   dt          [batch, time, heads] StepElement, strides dt_batch, dt_time, 1
//   decay_log   A_log [heads]; the rates A = -exp(A_log) are below 0
//   bias        dt_bias [heads] or null
//   documents   int64 [batch, time], contiguous (only with DOCUMENTS): a state ends where the number changes
//   step, logs  as above
//   from_start  exp2(logs): what is left at t of the state before the chunk (0 if a document began since)
//   to_end      step * what is left of token t at the end of the chunk (0 if a document begins until then)
//   total       [batch, heads, chunks] what is left of the state before the chunk at its end
//   first       int32 [batch, padded time] (only with DOCUMENTS): the first token of t's document in the
//               chunk, counted from the start of the chunk, or -1 if the document began before it
constexpr int DECAY_HEADS = 4;  // of a block
constexpr int PER_LANE = Q / 32;

// A lane's tokens in one access.
__device__ __forceinline__ void put_all(float* to, const float (&v)[PER_LANE]) {
#if CHUNK == 128
  *(float4*)to = make_float4(v[0], v[1], v[2], v[3]);
#else
  *(float2*)to = make_float2(v[0], v[1]);
#endif
}

extern "C" __device__ const int ssd_decay_waits = 1;

extern "C" __global__ void __launch_bounds__(DECAY_HEADS * 32) ssd_decay(
    const StepElement* dt, Long dt_batch, Long dt_time, const float* decay_log,
    const float* bias, const Long* documents, float dt_min, float dt_max, float* step, float* logs,
    float* from_start, float* to_end, float* total, int* first, Long time, Long heads) {
  wait_for_prerequisites();
  __shared__ float steps[DECAY_HEADS][Q + 8];
#if DOCUMENTS
  __shared__ int start[Q];
#endif
  int thread = threadIdx.x;
  int lane = thread & 31;
  int warp = thread >> 5;
  Long chunk = blockIdx.x;
  Long row = blockIdx.z;
  Long padded = (Long)gridDim.x * Q;
  Long head = (Long)blockIdx.y * DECAY_HEADS + warp;
  float rate = head < heads ? decay_log[head] : 0.0f;
  {
    int place = thread % DECAY_HEADS;  // neighbours read neighbouring heads
    Long other = (Long)blockIdx.y * DECAY_HEADS + place;
    float shift = bias != nullptr && other < heads ? bias[other] : 0.0f;
#pragma unroll
    for (int i = thread / DECAY_HEADS; i < Q; i += 32) {
      Long t = chunk * Q + i;
      float value = 0.0f;
      if (t < time && other < heads) {
        value = to_float(dt[row * dt_batch + t * dt_time + other]) + shift;
        value = value > 20.0f ? value : log1pf(expf(value));
        value = fminf(fmaxf(value, dt_min), dt_max);
      }
      steps[place][i] = value;
    }
  }
#if DOCUMENTS
  find_documents<Q>(start, documents + row * time, chunk * Q, time, thread);
  if (blockIdx.y == 0 && thread < Q) first[row * padded + chunk * Q + thread] = start[thread];
  int last_start = start[Q - 1];
#endif
  __syncthreads();
  if (head >= heads) return;
  float a = -expf(rate);
  float own[PER_LANE];
  float sums[PER_LANE];
  float sum = 0.0f;
#pragma unroll
  for (int k = 0; k < PER_LANE; k++) {
    own[k] = steps[warp][lane * PER_LANE + k];
    sum += fmaxf(own[k] * a, GONE) * LOG2E;
    sums[k] = sum;
  }
  float inclusive = sum_up_to(lane, sum);
  float before = from_below(inclusive, 1);
  if (lane == 0) before = 0.0f;
  float last = from_lane(inclusive, 31);
  Long at = (row * heads + head) * padded + chunk * Q + lane * PER_LANE;
  float log[PER_LANE];
  float entering[PER_LANE];
  float leaving[PER_LANE];
#pragma unroll
  for (int k = 0; k < PER_LANE; k++) {
    log[k] = k == PER_LANE - 1 ? inclusive : before + sums[k];
    entering[k] = exp2_fast(log[k]);
    leaving[k] = own[k] * exp2_fast(fminf(last - log[k], 0.0f));
#if DOCUMENTS
    int token = lane * PER_LANE + k;
    if (start[token] >= 0) entering[k] = 0.0f;
    if (token < last_start) leaving[k] = 0.0f;
#endif
  }
  put_all(step + at, own);
  put_all(logs + at, log);
  put_all(from_start + at, entering);
  put_all(to_end + at, leaving);
  if (lane == 0) {
    float passing = exp2_fast(last);
#if DOCUMENTS
    if (last_start >= 0) passing = 0.0f;
#endif
    total[(row * heads + head) * gridDim.x + chunk] = passing;
  }
}
