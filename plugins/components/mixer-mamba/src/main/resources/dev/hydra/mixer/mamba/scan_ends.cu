// What is needed to compute spans of time at the same time: what each does by itself, and then what
// it begins with.

// The walk of a span from nothing: forward, its last state; back, the gradient of the state before it,
//   flow[t] = decay[t] (flow[t + 1] + c[t] dy[t]).
// `by_channel` is x or dy, `selected` is b or c. Also the span's steps, all in all, of which its decay
// is made; a huge number where nothing is left of what was before it.
template <bool BACK>
__device__ __forceinline__ void walk_span(
    const Element* by_channel, long long channel_time, const Element* dt, long long dt_time,
    const float* bias, const float* a, const Element* selected, long long selected_time, const long long* documents,
    float* ends, float* steps, Walk& walk, int first_state) {
  __shared__ __align__(16) ByChannel xs[2], dts[2];
  __shared__ __align__(16) ByState bs[2];
  __shared__ __align__(16) float lefts[2][TOKENS];
  if (documents) documents += (long long)walk.item * walk.time;
  int own = threadIdx.x / PARTS, from = threadIdx.x % PARTS * EACH, count = walk.end - walk.first;

  float rate[EACH], h[EACH], passed = 0.f;
  walk.rates(a, rate);
#pragma unroll
  for (int e = 0; e < EACH; e++) h[e] = 0.f;

  Channels<BACK> x_ahead(by_channel, channel_time, walk);
  Steps<BACK> dt_ahead(dt, dt_time, bias, walk);
  States<BACK> b_ahead(selected, selected_time, walk, first_state);
  float left_ahead;
  auto fetch = [&](int step) {
    x_ahead.fetch();
    dt_ahead.fetch();
    b_ahead.fetch();
    left_ahead = fetch_left(documents, walk, BACK ? walk.end - 1 - step : walk.first + step);
  };
  fetch(0);
  for (int step = 0; step < count; step++) {
    int turn = step % 2;
    x_ahead.put(xs[turn]);
    dt_ahead.put(dts[turn]);
    b_ahead.put(bs[turn]);
    if (threadIdx.x < TOKENS) lefts[turn][threadIdx.x] = left_ahead;
    __syncthreads();
    if (step + 1 < count) fetch(step + 1);
#pragma unroll 1
    for (int i = 0; i < TOKENS; i += CHUNK) {
      int first = BACK ? TOKENS - CHUNK - i : i;
      float x_of[CHUNK], dt_of[CHUNK], left[CHUNK];
      load_floats<CHUNK>(&xs[turn][own][first], x_of);
      load_floats<CHUNK>(&dts[turn][own][first], dt_of);
      load_floats<CHUNK>(&lefts[turn][first], left);
#pragma unroll
      for (int k = 0; k < CHUNK; k++) {
        int j = BACK ? CHUNK - 1 - k : k;
        float b_of[EACH];
        load_floats<EACH>(&bs[turn][first + j][from], b_of);
        passed += dt_of[j] - left[j];
#pragma unroll
        for (int e = 0; e < EACH; e++) {
          float decay = exp2_fast(dt_of[j] * rate[e] + left[j]);
          h[e] = BACK ? decay * (h[e] + x_of[j] * b_of[e]) : decay * h[e] + dt_of[j] * x_of[j] * b_of[e];
        }
      }
    }
  }
  long long span = (long long)walk.item * gridDim.z + blockIdx.z;
  walk.write(ends, span, h);
  if (walk.active && threadIdx.x % PARTS == 0) steps[span * walk.channels + walk.channel] = passed;
}

#define SPANS(NAME, BACK)                                                                            \
  extern "C" __global__ void __launch_bounds__(THREADS) NAME(                                        \
      const Element* __restrict__ by_channel, long long channel_batch, long long channel_time,       \
      const Element* __restrict__ dt, long long dt_batch, long long dt_time,                         \
      const float* __restrict__ bias, const float* __restrict__ a,                                   \
      const Element* __restrict__ selected, long long selected_batch, long long selected_time,       \
      const long long* __restrict__ documents, float* __restrict__ ends, float* __restrict__ steps,  \
      int time, int channels, int states, int first_state, int tiles) {                              \
    Walk walk(channels, time, first_state, states, tiles);                                           \
    walk_span<BACK>(                                                                                 \
        by_channel + walk.item * channel_batch, channel_time, dt + walk.item * dt_batch, dt_time,    \
        bias, a, selected + walk.item * selected_batch, selected_time, documents, ends, steps, walk, \
        first_state);                                                                                \
  }
SPANS(scan_ends, false)
SPANS(scan_ends_back, true)

// Carries states from span to span, or gradients of states (`back`): ends becomes what each span
// begins with, `given` (zeros if null) for the first that is walked.
// Grid: (ceil(channels states / THREADS), batch).
#define SPANS_AT_ONCE 8  // whose ends are on their way together
extern "C" __global__ void __launch_bounds__(THREADS) scan_carry(
    const float* __restrict__ given, const float* __restrict__ a, const float* __restrict__ steps,
    float* ends, int channels, int states, int spans, int back) {
  long long own = (long long)blockIdx.x * THREADS + threadIdx.x, size = (long long)channels * states;
  if (own >= size) return;
  long long channel = own / states;
  float rate = a[own] * LOG2_E, carried = given ? given[blockIdx.y * size + own] : 0.f;
  for (int first = 0; first < spans; first += SPANS_AT_ONCE) {
    float end[SPANS_AT_ONCE], decay[SPANS_AT_ONCE];
    auto span = [&](int i) {
      return (long long)blockIdx.y * spans + (back ? spans - 1 - first - i : first + i);
    };
#pragma unroll
    for (int i = 0; i < SPANS_AT_ONCE; i++) {
      if (first + i < spans) {
        end[i] = ends[span(i) * size + own];
        decay[i] = exp2_fast(steps[span(i) * channels + channel] * rate);
      }
    }
#pragma unroll
    for (int i = 0; i < SPANS_AT_ONCE; i++) {
      if (first + i < spans) {
        ends[span(i) * size + own] = carried;
        carried = decay[i] * carried + end[i];
      }
    }
  }
}
