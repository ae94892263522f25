// Adam with decoupled weight decay (arXiv 1711.05101, algorithm 2) over the whole list of
// parameters, the clipping coefficient applied on the way and the bf16 working copy written in the
// same pass. Learning rate, steps and verdict are read from the device, so that the launches can be
// captured in a CUDA graph. Where the verdict says that the gradient is not finite, nothing
// changes: neither parameters, moments nor steps.
//
// Options: THREADS.
// adamw_rates, first: grid ceil(count / 128), block 128: counts the step of every parameter and
//   computes its bias corrections, in double as 1 - beta^step loses bits near 1.
// adamw_update: grid: chunks, block THREADS.

extern "C" __global__ void __launch_bounds__(128) adamw_rates(
    const Parameter* __restrict__ parameters, int count, const Verdict* __restrict__ verdict,
    const float* __restrict__ learning_rate, double beta1, double beta2, float2* __restrict__ rates) {
  int i = blockIdx.x * 128 + threadIdx.x;
  if (i >= count || !verdict->finite) return;
  double step = *parameters[i].step + 1.0;
  *parameters[i].step = (float)step;
  rates[i].x = (float)(*learning_rate / (1.0 - pow(beta1, step)));
  rates[i].y = (float)(1.0 / sqrt(1.0 - pow(beta2, step)));
}

template <class T>
__device__ __forceinline__ void update_chunk(
    const Parameter& p, T* gradient, long long from, long long to, const Constants& c) {
  bool clear = p.flags & CLEAR_GRADIENT;
  long long i = from;
  if (p.flags & ALIGNED) {
    const float none[4] = {0.f, 0.f, 0.f, 0.f};
    long long whole = from + (to - from) / 4 * 4;
#pragma unroll 2
    for (i = from + threadIdx.x * 4; i < whole; i += THREADS * 4) {
      float m[4], g[4], a[4], s[4];
      load_floats<4>(p.master + i, m);
      load_floats<4>(gradient + i, g);
      load_floats<4>(p.average + i, a);
      load_floats<4>(p.square + i, s);
#pragma unroll
      for (int v = 0; v < 4; v++) update(m[v], g[v], a[v], s[v], c);
      store(p.master + i, m);
      store(p.average + i, a);
      store(p.square + i, s);
      if (p.copy) store(p.copy + i, m);
      if (clear) store(gradient + i, none);
    }
    i = whole;
  }
  for (i += threadIdx.x; i < to; i += THREADS) {
    float m = p.master[i], a = p.average[i], s = p.square[i];
    update(m, to_float(gradient[i]), a, s, c);
    p.master[i] = m;
    p.average[i] = a;
    p.square[i] = s;
    if (p.copy) from_float(m, p.copy[i]);
    if (clear) from_float(0.f, gradient[i]);
  }
}

template <class T>
__device__ __forceinline__ void clear_chunk(T* gradient, long long from, long long to) {
  for (long long i = from + threadIdx.x; i < to; i += THREADS) from_float(0.f, gradient[i]);
}

extern "C" __global__ void __launch_bounds__(THREADS) adamw_update(
    const Parameter* __restrict__ parameters, const int2* __restrict__ chunks, int chunk,
    const Verdict* __restrict__ verdict, const float* __restrict__ learning_rate,
    const float2* __restrict__ rates, float keep1, float add1, float keep2, float add2,
    float epsilon) {
  int2 place = chunks[blockIdx.x];
  Parameter p = parameters[place.x];
  long long from = (long long)place.y * chunk;
  long long to = from + chunk < p.size ? from + chunk : p.size;
  if (!verdict->finite) {
    if (!(p.flags & CLEAR_GRADIENT)) return;
    if (p.flags & GRADIENT_IS_BF16) clear_chunk(static_cast<bf16*>(p.gradient), from, to);
    else clear_chunk(static_cast<float*>(p.gradient), from, to);
    return;
  }
  Constants c = constants_of(p, *verdict, *learning_rate, rates[place.x], keep1, add1, keep2, add2, epsilon);
  if (p.flags & GRADIENT_IS_BF16) update_chunk(p, static_cast<bf16*>(p.gradient), from, to, c);
  else update_chunk(p, static_cast<float*>(p.gradient), from, to, c);
}
