// The loss of every row of logits and, in the same pass over memory, its gradient in place of the
// logits. With a = scale * logit and lse = log(sum of exp(a)):
//   loss = lse - a[target] + z_loss * lse^2
//   dlogit = factor * scale * ((1 + 2 z_loss lse) exp(a - lse) - [is target])
// `factor` is one float on the device (what the mean divides by, loss scaling). A row whose target
// is `ignored` has loss 0 and gradient 0. A target that is neither ignored nor in the vocabulary
// gives a loss that is not a number: it shows in the mean, and no memory is touched for it.
//
// A block takes a row. The first `cached` logits stay in shared memory between the pass that sums
// and the pass that writes; the rest is read twice, the second time mostly from L2. With gradient 0
// the logits stay as they are and are read once (evaluation). lse (may be null) is kept per row.
//
// Options: VECTOR, THREADS, CACHED. Grid: rows. cached is 0 or CACHED, a multiple of VECTOR, at most
// the vocabulary rounded down to one. logits_row and the address must be
// multiples of VECTOR; the vocabulary need not be.

#define WARPS (THREADS / 32)
#define FLIGHT 4

// A sum of exponentials (base 2) relative to the largest: sum * 2^top.
struct Total {
  float top, sum;
};

__device__ __forceinline__ Total joined(Total a, Total b) {
  Total both;
  both.top = fmaxf(a.top, b.top);
  both.sum = a.sum * exp2_fast(a.top - both.top) + b.sum * exp2_fast(b.top - both.top);
  return both;
}

template <int N>
__device__ __forceinline__ void add(Total& total, const float (&values)[N], float scale2) {
  float top = total.top;
#pragma unroll
  for (int v = 0; v < N; v++) top = fmaxf(top, values[v] * scale2);
  float sum = total.sum * exp2_fast(total.top - top);
#pragma unroll
  for (int v = 0; v < N; v++) sum += exp2_fast(values[v] * scale2 - top);
  total.top = top;
  total.sum = sum;
}

extern "C" __global__ void __launch_bounds__(THREADS) cross_entropy(
    Element* logits, long long logits_row, const long long* __restrict__ targets, long long ignored,
    float scale, float z_loss, const float* __restrict__ factor, float* __restrict__ loss,
    float* __restrict__ lse, int vocabulary, int cached, int gradient) {
  __shared__ Total totals[WARPS];
  Element* cache = reinterpret_cast<Element*>(SHARED);
  logits += blockIdx.x * logits_row;
  long long target = targets[blockIdx.x];
  bool counts = target != ignored, known = target >= 0 && target < vocabulary;
  float hit = counts && known ? scale * to_float(logits[target]) : 0.f;
  int whole = vocabulary / VECTOR * VECTOR;
  float scale2 = scale * LOG2_E;

  Total total;
  total.top = -3e38f;  // finite, so that -inf - top is never inf - inf
  total.sum = 0.f;
  for (int first = threadIdx.x * VECTOR; first < whole; first += FLIGHT * THREADS * VECTOR) {
    Vector<Element, VECTOR> flight[FLIGHT];
#pragma unroll
    for (int f = 0; f < FLIGHT; f++) {
      int i = first + f * THREADS * VECTOR;
      if (i < whole) flight[f] = load<VECTOR>(logits + i);
    }
#pragma unroll
    for (int f = 0; f < FLIGHT; f++) {
      int i = first + f * THREADS * VECTOR;
      if (i < whole) {
        float values[VECTOR];
        flight[f].unpack(values);
        add(total, values, scale2);
        if (i < cached) *reinterpret_cast<Vector<Element, VECTOR>*>(cache + i) = flight[f];
      }
    }
  }
  for (int i = whole + threadIdx.x; i < vocabulary; i += THREADS) {
    float value[1] = {to_float(logits[i])};
    add(total, value, scale2);
  }

#pragma unroll
  for (int mask = 16; mask > 0; mask /= 2) {
    Total other;
    other.top = exchange(total.top, mask);
    other.sum = exchange(total.sum, mask);
    total = joined(total, other);
  }
  if (threadIdx.x % 32 == 0) totals[threadIdx.x / 32] = total;
  __syncthreads();
  total = totals[0];
  for (int w = 1; w < WARPS; w++) total = joined(total, totals[w]);
  float lse2 = total.top + log2f(total.sum), lse_now = lse2 * LN_2;
  if (threadIdx.x == 0) {
    float value = lse_now - hit + z_loss * lse_now * lse_now;
    loss[blockIdx.x] = !counts ? 0.f : known ? value : __uint_as_float(0x7fffffffu);
    if (lse) lse[blockIdx.x] = lse_now;
  }
  if (!gradient) return;

  float at_target = counts && known ? *factor * scale : 0.f;
  float every = at_target * (1.f + 2.f * z_loss * lse_now);
  int hot = counts && known ? (int)target : -1;
  for (int first = threadIdx.x * VECTOR; first < whole; first += FLIGHT * THREADS * VECTOR) {
    Vector<Element, VECTOR> flight[FLIGHT];
#pragma unroll
    for (int f = 0; f < FLIGHT; f++) {
      int i = first + f * THREADS * VECTOR;
      if (i < whole) flight[f] = i < cached ? load<VECTOR>(cache + i) : load<VECTOR>(logits + i);
    }
#pragma unroll
    for (int f = 0; f < FLIGHT; f++) {
      int i = first + f * THREADS * VECTOR;
      if (i < whole) {
        float values[VECTOR];
        flight[f].unpack(values);
#pragma unroll
        for (int v = 0; v < VECTOR; v++) {
          // An ignored row is 0 whatever its logits are
          values[v] = at_target == 0.f ? 0.f : every * exp2_fast(values[v] * scale2 - lse2);
          if (i + v == hot) values[v] -= at_target;
        }
        store(logits + i, values);
      }
    }
  }
  for (int i = whole + threadIdx.x; i < vocabulary; i += THREADS) {
    float value = at_target == 0.f ? 0.f : every * exp2_fast(to_float(logits[i]) * scale2 - lse2);
    from_float(i == hot ? value - at_target : value, logits[i]);
  }
}

extern "C" __device__ const int cross_entropy_bytes = CACHED * sizeof(Element);
