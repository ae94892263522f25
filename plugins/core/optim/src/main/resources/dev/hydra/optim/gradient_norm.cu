// The global norm of the gradients, whether all are finite, and the clipping coefficient, in two
// stages whose order of summation is fixed: squares of every block's chunks, then their total.
//
// Option: THREADS, a power of two.
// gradient_squares: a chunk is a warp's, so that what it waits for (the chunk, its parameter, the
//   first elements) is hidden by other warps; the one barrier is behind all of that. Grid: chunks /
//   (THREADS / 32), rounded up; partials: one double a block.
// gradient_verdict: grid 1; sums `count` partials. total (may be null) gets the sum of squares, so
//   that ranks which hold parts of the gradient can exchange totals and call it again on those.

template <class T>
__device__ __forceinline__ float squares(const T* gradient, int count) {
  constexpr int WIDE = 16 / sizeof(T);
  float sums[WIDE] = {};
  int i = threadIdx.x % 32;
  if ((size_t)gradient % 16 == 0) {
    int whole = count / WIDE * WIDE;
#pragma unroll 8
    for (int at = i * WIDE; at < whole; at += 32 * WIDE) {
      float values[WIDE];
      load_floats<WIDE>(gradient + at, values);
#pragma unroll
      for (int v = 0; v < WIDE; v++) sums[v] += values[v] * values[v];
    }
    i += whole;
  }
  for (; i < count; i += 32) {
    float value = to_float(gradient[i]);
    sums[0] += value * value;
  }
#pragma unroll
  for (int v = 1; v < WIDE; v++) sums[0] += sums[v];
  return sums[0];
}

extern "C" __global__ void __launch_bounds__(THREADS) gradient_squares(
    const Parameter* __restrict__ parameters, const int2* __restrict__ chunks, int count, int chunk,
    double* __restrict__ partials) {
  constexpr int WARPS = THREADS / 32;
  __shared__ double sums[WARPS];
  int number = blockIdx.x * WARPS + threadIdx.x / 32;
  double sum = 0;
  if (number < count) {
    int2 place = chunks[number];
    Parameter p = parameters[place.x];
    long long from = (long long)place.y * chunk;
    int size = from + chunk < p.size ? chunk : (int)(p.size - from);
    sum = p.flags & GRADIENT_IS_BF16
              ? squares(static_cast<const bf16*>(p.gradient) + from, size)
              : squares(static_cast<const float*>(p.gradient) + from, size);
    sum = sum_lanes(sum);
  }
  if (threadIdx.x % 32 == 0) sums[threadIdx.x / 32] = sum;
  __syncthreads();
  if (threadIdx.x > 0) return;
#pragma unroll
  for (int warp = 1; warp < WARPS; warp++) sum += sums[warp];
  partials[blockIdx.x] = sum;
}

// scale: what every gradient is to be multiplied by first (1 / micro-batches, 1 / loss scale).
// limit: the largest norm that is left alone; infinite to measure only.
extern "C" __global__ void __launch_bounds__(THREADS) gradient_verdict(
    const double* __restrict__ partials, int count, float scale, float limit,
    double* __restrict__ total, Verdict* __restrict__ verdict) {
  double sum = 0;
#pragma unroll 8
  for (int i = threadIdx.x; i < count; i += THREADS) sum += partials[i];
  __shared__ double sums[THREADS];
  sums[threadIdx.x] = sum;
  __syncthreads();
#pragma unroll
  for (int half = THREADS / 2; half > 0; half /= 2) {
    if (threadIdx.x < half) sums[threadIdx.x] += sums[threadIdx.x + half];
    __syncthreads();
  }
  sum = sums[0];
  if (threadIdx.x > 0) return;
  if (total) *total = sum;
  float norm = (float)(scale * sqrt(sum));
  float factor = limit / (norm + 1e-6f);
  verdict->norm = norm;
  verdict->coefficient = scale * (factor < 1.f ? factor : 1.f);
  verdict->finite = norm < __uint_as_float(0x7f800000u);  // false for infinity and for NaN
}
