// Step sizes and decays, all that depends on dt alone.
//
// step[t] = softplus(dt[t] + dt_bias) kept within [dt_min, dt_max], and of the log decays step * A,
// which are at most 0, the sums from the start of each chunk, in powers of 2. What passes between
// tokens i >= j of a chunk is exp2(logs[i] - logs[j]): a difference of at most 0, so nothing
// overflows. All outputs have [batch, heads, padded time]; in the padding behind the last token
// step is 0 and the sum stays, so padding neither adds to a state nor decays it.
//
// Launch: grid (chunks, ceil(heads / 32), batch), 1024 threads, no dynamic shared memory: a warp takes one
// head, and all loads are under way at once.
//
//   dt          [batch, time, heads] StepElement, strides dt_batch, dt_time, 1
//   rate        A [heads], below 0
//   bias        dt_bias [heads] or null
//   documents   int64 [batch, time], contiguous (only with DOCUMENTS): a state ends where the number changes
//   step, logs  as above
//   from_start  exp2(logs): what is left at t of the state before the chunk (0 if a document began since)
//   to_end      step * what is left of token t at the end of the chunk (0 if a document begins until then)
//   total       [batch, heads, chunks] what is left of the state before the chunk at its end
//   first       int32 [batch, padded time] (only with DOCUMENTS): the first token of t's document in the
//               chunk, counted from the start of the chunk, or -1 if the document began before it
constexpr int GROUP = 32;  // heads that a block takes
constexpr int PER_LANE = Q / 32;

// The document's first token for each token of a chunk, see `first` above; one thread a token.
__device__ __forceinline__ void find_documents(
    int (&start)[Q], const Long* documents, Long from, Long time, int token) {
  if (token < Q) {
    Long t = from + token;
    bool begins = t > 0 && t < time && documents[t] != documents[t - 1];
    start[token] = begins ? token : -1;
  }
  __syncthreads();
  for (int distance = 1; distance < Q; distance *= 2) {
    int before = token >= distance && token < Q ? start[token - distance] : -1;
    __syncthreads();
    if (token < Q && before > start[token]) start[token] = before;
    __syncthreads();
  }
}

// A lane's tokens in one access.
__device__ __forceinline__ void put_all(float* to, const float (&v)[PER_LANE]) {
#if CHUNK == 128
  *(float4*)to = make_float4(v[0], v[1], v[2], v[3]);
#else
  *(float2*)to = make_float2(v[0], v[1]);
#endif
}

extern "C" __global__ void __launch_bounds__(GROUP * 32) ssd_decay(
    const StepElement* dt, Long dt_batch, Long dt_time, const float* rate, const float* bias,
    const Long* documents, float dt_min, float dt_max, float* step, float* logs, float* from_start,
    float* to_end, float* total, int* first, Long time, Long heads) {
  __shared__ float steps[GROUP][Q + 1];
#if DOCUMENTS
  __shared__ int start[Q];
#endif
  int thread = threadIdx.x;
  int lane = thread & 31;
  int warp = thread >> 5;
  Long chunk = blockIdx.x;
  Long row = blockIdx.z;
  Long padded = (Long)gridDim.x * Q;
  {
    Long head = (Long)blockIdx.y * GROUP + lane;
    float shift = bias != nullptr && head < heads ? bias[head] : 0.0f;
    float values[PER_LANE];
#pragma unroll
    for (int k = 0; k < PER_LANE; k++) {
      Long t = chunk * Q + warp + k * GROUP;
      values[k] = t < time && head < heads ? to_float(dt[row * dt_batch + t * dt_time + head]) : 0.0f;
    }
#pragma unroll
    for (int k = 0; k < PER_LANE; k++) {
      int i = warp + k * GROUP;
      float value = values[k] + shift;
      value = value > 20.0f ? value : log1pf(expf(value));
      value = fminf(fmaxf(value, dt_min), dt_max);
      steps[lane][i] = chunk * Q + i < time && head < heads ? value : 0.0f;
    }
  }
#if DOCUMENTS
  find_documents(start, documents + row * time, chunk * Q, time, thread);
  if (blockIdx.y == 0 && thread < Q) first[row * padded + chunk * Q + thread] = start[thread];
  int last_start = start[Q - 1];
#endif
  __syncthreads();
  Long head = (Long)blockIdx.y * GROUP + warp;
  if (head < heads) {
    float a = rate[head];
    float own[PER_LANE];
    float sums[PER_LANE];
    float sum = 0.0f;
#pragma unroll
    for (int k = 0; k < PER_LANE; k++) {
      own[k] = steps[warp][lane * PER_LANE + k];
      sum += fmaxf(own[k] * a, GONE) * LOG2E;
      sums[k] = sum;
    }
    float inclusive = sum;
#pragma unroll
    for (int distance = 1; distance < 32; distance *= 2) {
      float other = from_below(inclusive, distance);
      if (lane >= distance) inclusive += other;
    }
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
}
