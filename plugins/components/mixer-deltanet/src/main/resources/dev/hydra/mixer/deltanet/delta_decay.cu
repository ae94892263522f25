// What depends on decays and strengths alone: of the log decays, at most 0, the sums from the start
// of each chunk, in powers of 2, and beta. In the padding behind the last token beta is 0 and the sum
// stays, so padding neither writes nor decays.
//
// Launch: grid (chunks, ceil(heads / 8), batch), 256 threads: a warp for every head.
//
//   log, strength  [batch, time, heads] fp32, strides NAME_batch, NAME_time, 1
//   documents   int64 [batch, time], contiguous (only with DOCUMENTS)
//   most        the largest beta
//   sums, beta  [batch, heads, padded time]
//   from_start  what is left at a token of the state before the chunk (0 if a document began since)
//   to_end      what is left of a token at the end of the chunk (0 if a document begins until then)
//   total       [batch, heads, chunks] what is left of the state before the chunk at its end
//   first       int32 [batch, padded time] (only with DOCUMENTS), see chunk_documents.cu
constexpr float GONE = -50.0f;  // what has decayed to e^-50 is gone in any type
constexpr int HEADS_AT_ONCE = 8;

extern "C" __global__ void __launch_bounds__(256) delta_decay(
    const float* log, Long log_batch, Long log_time, const float* strength, Long strength_batch,
    Long strength_time, const Long* documents, float most, float* sums, float* beta,
    float* from_start, float* to_end, float* total, int* first, Long time, Long heads) {
#if DOCUMENTS
  __shared__ int start[C];
#endif
  int lane = threadIdx.x & 31;
  Long chunk = blockIdx.x;
  Long row = blockIdx.z;
  Long head = (Long)blockIdx.y * HEADS_AT_ONCE + threadIdx.x / 32;
#if DOCUMENTS
  find_documents<C>(start, documents + row * time, chunk * C, time, threadIdx.x);
  if (blockIdx.y == 0 && threadIdx.x < C) {
    first[(row * gridDim.x + chunk) * C + threadIdx.x] = start[threadIdx.x];
  }
  __syncthreads();
  int last_start = start[C - 1];
#endif
  if (head >= heads) return;
  float own[2];
  float strengths[2];
#pragma unroll
  for (int k = 0; k < 2; k++) {
    Long t = chunk * C + 2 * lane + k;
    bool some = t < time;
    own[k] = some ? fmaxf(log[row * log_batch + t * log_time + head], GONE) * LOG2_E : 0.0f;
    float logit = some ? strength[row * strength_batch + t * strength_time + head] : 0.0f;
    strengths[k] = some ? most * reciprocal_fast(1.0f + exp2_fast(-LOG2_E * logit)) : 0.0f;
  }
  float inclusive = sum_up_to(lane, own[0] + own[1]);
  float before = from_below(inclusive, 1);
  if (lane == 0) before = 0.0f;
  float last = from_lane(inclusive, 31);
  float sum[2] = {before + own[0], inclusive};
  float entering[2];
  float leaving[2];
#pragma unroll
  for (int k = 0; k < 2; k++) {
    entering[k] = exp2_fast(sum[k]);
    leaving[k] = exp2_fast(fminf(last - sum[k], 0.0f));
#if DOCUMENTS
    if (start[2 * lane + k] >= 0) entering[k] = 0.0f;
    if (2 * lane + k < last_start) leaving[k] = 0.0f;
#endif
  }
  Long matrix = (row * heads + head) * gridDim.x + chunk;
  Long at = matrix * C + 2 * lane;
  *(float2*)(sums + at) = make_float2(sum[0], sum[1]);
  *(float2*)(beta + at) = make_float2(strengths[0], strengths[1]);
  *(float2*)(from_start + at) = make_float2(entering[0], entering[1]);
  *(float2*)(to_end + at) = make_float2(leaving[0], leaving[1]);
  if (lane == 31) total[matrix] = entering[1];
}
