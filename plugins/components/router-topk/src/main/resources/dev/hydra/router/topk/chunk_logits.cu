// The logits by which chunks of tokens are routed: weight . summary. Decision c of a sequence is made
// from a summary of what is known when chunk c begins: the mean of the tokens of chunk c - 1, or, for
// c = 0 and everywhere with `own`, the first token of chunk c itself.
//
//   x        [batch, chunks * chunk, width], rows x_time apart, sequences x_batch
//   weight   fp32 [experts, width]
//   summary  fp32 [batch, chunks, width], or null in forward if there will be no backward
//   logits   fp32 [batch, chunks, experts]; dlogits likewise
//   dx       [batch, chunks * chunk, width]; dweight as weight
//
// LANES threads side by side hold ITEMS vectors of VECTOR channels each of a token; PARTS such sets
// take the tokens of a chunk in turns. Sums have a fixed order. Options: those, ELEMENT_BF16 (x, dx).
typedef long long Long;

constexpr int THREADS = 512;
constexpr int WARPS = THREADS / 32;
constexpr int ACROSS = LANES * VECTOR;
constexpr int BURST = 8;  // loads of a thread on their way at once
static_assert(LANES * PARTS <= THREADS && ACROSS * ITEMS <= 8192, "see FusedChunkLogits");

extern "C" __device__ const int chunk_logits_waits = 1;

// Launch: batch * chunks blocks of 512 threads.
extern "C" __global__ void __launch_bounds__(THREADS, 2) chunk_logits(
    const Element* x, Long x_batch, Long x_time, const float* weight,
    float* __restrict__ summary, float* __restrict__ logits, int chunk, int chunks, int width,
    int experts, int own) {
  wait_for_prerequisites();
  __shared__ __align__(16) float parts[PARTS * ACROSS];
  __shared__ __align__(16) float row[ITEMS * ACROSS];
  int lane = threadIdx.x % LANES, part = threadIdx.x / LANES;
  int decision = blockIdx.x % chunks;
  bool single = own || decision == 0;
  int tokens = single ? 1 : chunk;
  x += blockIdx.x / chunks * x_batch + (Long)(single ? decision : decision - 1) * chunk * x_time;
#pragma unroll
  for (int i = 0; i < ITEMS; i++) {
    int column = (i * LANES + lane) * VECTOR;
    float sum[VECTOR];
#pragma unroll
    for (int v = 0; v < VECTOR; v++) sum[v] = 0.f;
    if (part < PARTS) {
      if (column < width) {
        for (int from = part; from < tokens; from += BURST * PARTS) {
          Vector<Element, VECTOR> burst[BURST];
#pragma unroll
          for (int b = 0; b < BURST; b++) {
            int t = from + b * PARTS;
            burst[b] = t < tokens ? load<VECTOR>(x + t * x_time + column) : zeros<Element, VECTOR>();
          }
#pragma unroll
          for (int b = 0; b < BURST; b++) {
            float values[VECTOR];
            burst[b].unpack(values);
#pragma unroll
            for (int v = 0; v < VECTOR; v++) sum[v] += values[v];
          }
        }
      }
      store(parts + part * ACROSS + lane * VECTOR, sum);
    }
    __syncthreads();
    for (int c = threadIdx.x; c < ACROSS; c += THREADS) {
      float all = 0.f;
#pragma unroll
      for (int p = 0; p < PARTS; p++) all += parts[p * ACROSS + c];
      all /= tokens;
      int at = i * ACROSS + c;
      row[at] = all;
      if (summary && at < width) summary[(Long)blockIdx.x * width + at] = all;
    }
    __syncthreads();
  }
  for (int expert = threadIdx.x / 32; expert < experts; expert += WARPS) {
    float dot = 0.f;
#pragma unroll 4
    for (int c = threadIdx.x % 32 * VECTOR; c < width; c += 32 * VECTOR) {
      float w[VECTOR], s[VECTOR];
      load_floats<VECTOR>(weight + (Long)expert * width + c, w);
      load_floats<VECTOR>(row + c, s);
#pragma unroll
      for (int v = 0; v < VECTOR; v++) dot += w[v] * s[v];
    }
    dot = sum_lanes(dot);
    if (threadIdx.x % 32 == 0) logits[(Long)blockIdx.x * experts + expert] = dot;
  }
}

// dlogits . weight of this thread's channels, by a factor.
__device__ __forceinline__ void mapped_back(
    const float* __restrict__ dlogits, const float* __restrict__ weight, float factor, int width,
    int experts, float (&to)[VECTOR]) {
#pragma unroll
  for (int v = 0; v < VECTOR; v++) to[v] = 0.f;
#pragma unroll 4
  for (int e = 0; e < experts; e++) {
    float w[VECTOR], d = dlogits[e];
    load_floats<VECTOR>(weight + (Long)e * width, w);
#pragma unroll
    for (int v = 0; v < VECTOR; v++) to[v] += d * w[v];
  }
#pragma unroll
  for (int v = 0; v < VECTOR; v++) to[v] *= factor;
}

// The gradient of the tokens of one chunk: they are in the summary of the next, the first is that of
// its own if it stands alone. It is written, or added to what is there.
__device__ __forceinline__ void chunk_backward(
    Long block, const float* __restrict__ dlogits, const float* __restrict__ weight,
    Element* __restrict__ dx, int adds, int chunk, int chunks, int width, int experts, int own) {
  int lane = threadIdx.x % LANES, part = threadIdx.x / LANES;
  if (part >= PARTS) return;
  int decision = (int)(block % chunks);
  bool in_next = !own && decision + 1 < chunks;
  bool single = own || decision == 0;
  dlogits += block * experts;
  dx += block * chunk * width;
#pragma unroll
  for (int i = 0; i < ITEMS; i++) {
    int column = (i * LANES + lane) * VECTOR;
    if (column >= width) break;
    float each[VECTOR], first[VECTOR];
    mapped_back(
        dlogits + experts, weight + column, 1.f / chunk, width, in_next ? experts : 0, each);
    mapped_back(dlogits, weight + column, 1.f, width, single && part == 0 ? experts : 0, first);
#pragma unroll
    for (int v = 0; v < VECTOR; v++) first[v] += each[v];
    for (int from = part; from < chunk; from += BURST * PARTS) {
      Vector<Element, VECTOR> before[BURST];
#pragma unroll
      for (int b = 0; b < BURST; b++) {
        int t = from + b * PARTS;
        before[b] = adds && t < chunk ? load<VECTOR>(dx + (Long)t * width + column)
                                      : zeros<Element, VECTOR>();
      }
#pragma unroll
      for (int b = 0; b < BURST; b++) {
        int t = from + b * PARTS;
        if (t >= chunk) break;
        float sum[VECTOR];
        before[b].unpack(sum);
#pragma unroll
        for (int v = 0; v < VECTOR; v++) sum[v] += t == 0 ? first[v] : each[v];
        store(dx + (Long)t * width + column, sum);
      }
    }
  }
}

// The gradient of 32 columns of the weights of TOGETHER experts.
constexpr int TOGETHER = 8;
__device__ __forceinline__ void weight_backward(
    int block, const float* __restrict__ dlogits, const float* __restrict__ summary,
    float* __restrict__ dweight, Long rows, int width, int experts) {
  __shared__ float parts[WARPS][TOGETHER][33];
  int across = (width + 31) / 32;
  int lane = threadIdx.x % 32, part = threadIdx.x / 32;
  int column = block % across * 32 + lane, from = block / across * TOGETHER;
  dlogits += from;
  float sums[TOGETHER];
#pragma unroll
  for (int e = 0; e < TOGETHER; e++) sums[e] = 0.f;
#pragma unroll 4
  for (Long r = part; r < rows; r += WARPS) {
    float s = column < width ? summary[r * width + column] : 0.f;
#pragma unroll
    for (int e = 0; e < TOGETHER; e++)
      if (from + e < experts) sums[e] += dlogits[r * experts + e] * s;
  }
#pragma unroll
  for (int e = 0; e < TOGETHER; e++) parts[part][e][lane] = sums[e];
  __syncthreads();
  if (part < TOGETHER && from + part < experts && column < width) {
    float sum = 0.f;
#pragma unroll
    for (int p = 0; p < WARPS; p++) sum += parts[p][part][lane];
    dweight[(Long)(from + part) * width + column] = sum;
  }
}

// Launch: weight_blocks (ceil(width / 32) * ceil(experts / 8), or 0 for no dweight) and as many as
// there are chunks (or none for no dx), 512 threads. The few blocks of the weights take longest, so
// they are the first.
extern "C" __global__ void __launch_bounds__(THREADS, 2) chunk_logits_backward(
    const float* __restrict__ dlogits, const float* __restrict__ summary,
    const float* __restrict__ weight, Element* __restrict__ dx, int adds,
    float* __restrict__ dweight, int weight_blocks, Long rows, int chunk, int chunks, int width, int experts, int own) {
  if ((int)blockIdx.x < weight_blocks) {
    weight_backward(blockIdx.x, dlogits, summary, dweight, rows, width, experts);
  } else {
    chunk_backward(
        (Long)blockIdx.x - weight_blocks, dlogits, weight, dx, adds, chunk, chunks, width, experts,
        own);
  }
}
