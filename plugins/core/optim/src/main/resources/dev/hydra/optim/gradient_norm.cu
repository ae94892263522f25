// The global norm of the gradients, whether all are finite, and the clipping coefficient, in two
// stages whose order of summation is fixed: squares of every chunk, then their total.
//
// Options: THREADS.
// gradient_squares: grid: chunks; partials: one double a chunk.
// gradient_verdict: grid 1; sums `count` partials. total (may be null) gets the sum of squares, so
//   that ranks which hold parts of the gradient can exchange totals and call it again on those.

template <class T>
__device__ __forceinline__ float squares(const T* gradient, long long from, long long to, bool aligned) {
  float sums[4] = {0.f, 0.f, 0.f, 0.f};
  long long i = from;
  if (aligned) {
    long long whole = from + (to - from) / 4 * 4;
#pragma unroll 4
    for (i = from + threadIdx.x * 4; i < whole; i += THREADS * 4) {
      float values[4];
      load_floats<4>(gradient + i, values);
#pragma unroll
      for (int v = 0; v < 4; v++) sums[v] += values[v] * values[v];
    }
    i = whole;
  }
  for (i += threadIdx.x; i < to; i += THREADS) {
    float value = to_float(gradient[i]);
    sums[0] += value * value;
  }
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

extern "C" __global__ void __launch_bounds__(THREADS) gradient_squares(
    const Parameter* __restrict__ parameters, const int2* __restrict__ chunks, int chunk,
    double* __restrict__ partials) {
  int2 place = chunks[blockIdx.x];
  Parameter p = parameters[place.x];
  long long from = (long long)place.y * chunk;
  long long to = from + chunk < p.size ? from + chunk : p.size;
  bool aligned = p.flags & ALIGNED;
  float sum = p.flags & GRADIENT_IS_BF16
                  ? squares(static_cast<const bf16*>(p.gradient), from, to, aligned)
                  : squares(static_cast<const float*>(p.gradient), from, to, aligned);
  double total = block_sum(sum);
  if (threadIdx.x == 0) partials[blockIdx.x] = total;
}

// scale: what every gradient is to be multiplied by first (1 / micro-batches, 1 / loss scale).
// limit: the largest norm that is left alone; infinite to measure only.
extern "C" __global__ void __launch_bounds__(THREADS) gradient_verdict(
    const double* __restrict__ partials, int count, float scale, float limit,
    double* __restrict__ total, Verdict* __restrict__ verdict) {
  double sum = 0;
#pragma unroll 4
  for (int i = threadIdx.x; i < count; i += THREADS) sum += partials[i];
  sum = block_sum(sum);
  if (threadIdx.x > 0) return;
  if (total) *total = sum;
  float norm = (float)(scale * sqrt(sum));
  float factor = limit / (norm + 1e-6f);
  verdict->norm = norm;
  verdict->coefficient = scale * (factor < 1.f ? factor : 1.f);
  verdict->finite = norm < __uint_as_float(0x7f800000u);  // false for infinity and for NaN
}
