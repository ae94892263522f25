// The gradients of scan_forward.cu, chunk after chunk from the last. With g[t] the gradient of h[t]
// and decay[t] = exp(dt[t] a):
//   g[t] = c[t] dy[t] + decay[t + 1] g[t + 1]
//   dx = dt sum(g b),  db = sum over channels of g dt x,  dc = sum over channels of dy h
//   da = sum over time of dt l,  ddt = sum(a l) + x sum(g b),   l = decay[t] h[t - 1] g[t]
// A chunk's states are computed again from the one before it, and stay in registers.
//
// What a block's channels add up to of db and dc is left in `shared_sums` [gridDim.x][batch][time]
// [dc, then db: 2 STATE], and of da in `rate_sums` [batch][channels][STATE], for column_sums.

#define WARPS (THREADS / 32)
#define VALUES (2 * EACH)

// Adds up COUNT values over the channels of a warp: the threads' masks from MASK down to PARTS. With
// every step a thread is left with half of the values, from number `index` on, until it has one.
template <int COUNT, int MASK>
struct OverChannels {
  static __device__ __forceinline__ void add(float (&values)[VALUES], int& index) {
    if constexpr (MASK >= PARTS) {
      if constexpr (COUNT > 1) {
        bool upper = threadIdx.x & MASK;
#pragma unroll
        for (int i = 0; i < COUNT / 2; i++) {
          float kept = upper ? values[i + COUNT / 2] : values[i];
          float sent = upper ? values[i] : values[i + COUNT / 2];
          values[i] = kept + exchange(sent, MASK);
        }
        if (upper) index += COUNT / 2;
        OverChannels<COUNT / 2, MASK / 2>::add(values, index);
      } else {
        values[0] += exchange(values[0], MASK);
        OverChannels<1, MASK / 2>::add(values, index);
      }
    }
  }
};
// What each thread is left with.
#define LEFT (VALUES * PARTS > 32 ? VALUES * PARTS / 32 : 1)

extern "C" __global__ void __launch_bounds__(THREADS) scan_backward(
    const Element* __restrict__ dy, long long dy_batch, long long dy_time,
    const Element* __restrict__ x, long long x_batch, long long x_time, const float* __restrict__ dt,
    long long dt_batch, long long dt_time, const float* __restrict__ a, const Element* __restrict__ b,
    long long b_batch, long long b_time, const Element* __restrict__ c, long long c_batch,
    long long c_time, const long long* __restrict__ documents, const float* __restrict__ before,
    const float* __restrict__ d_last, Element* __restrict__ dx, float* __restrict__ d_dt,
    float* __restrict__ rate_sums, float* __restrict__ shared_sums, float* __restrict__ d_initial,
    int time, int channels) {
  __shared__ Tiles tiles;
  __shared__ float sums[WARPS][CHUNK][2 * STATE];
  int item = blockIdx.y, part = threadIdx.x % PARTS;
  int channel = blockIdx.x * CHANNELS + threadIdx.x / PARTS;
  bool active = channel < channels;
  int chunks = (time + CHUNK - 1) / CHUNK;
  dy += item * dy_batch + channel;
  x += item * x_batch + channel;
  dt += item * dt_batch + channel;
  b += item * b_batch;
  c += item * c_batch;
  if (DOCUMENTS) documents += (long long)item * time;
  long long own = (long long)channel * STATE + part * EACH;
  long long states = (long long)channels * STATE;
  shared_sums += ((long long)blockIdx.x * gridDim.y + item) * time * 2 * STATE;

  float rate[EACH], flow[EACH], rate_sum[EACH];
#pragma unroll
  for (int e = 0; e < EACH; e++) {
    rate[e] = active ? a[own + e] : 0.f;
    flow[e] = active && d_last ? d_last[item * states + own + e] : 0.f;
    rate_sum[e] = 0.f;
  }

  float x_ahead[CHUNK], dt_ahead[CHUNK], dy_ahead[CHUNK];
  int first = (chunks - 1) * CHUNK;
  fetch_channel(x, x_time, first, time, active, x_ahead);
  fetch_channel(dt, dt_time, first, time, active, dt_ahead);
  fetch_channel(dy, dy_time, first, time, active, dy_ahead);
  Shared ahead = fetch_shared(b, b_time, c, c_time, documents, first, time);
  for (int z = chunks - 1; z >= 0; z--) {
    first = z * CHUNK;
    int turn = z % 2;
    float xs[CHUNK], dts[CHUNK], dys[CHUNK], start[EACH];
#pragma unroll
    for (int e = 0; e < EACH; e++) start[e] = 0.f;
    if (active) load_floats<EACH>(before + ((long long)item * chunks + z) * states + own, start);
#pragma unroll
    for (int i = 0; i < CHUNK; i++) {
      xs[i] = x_ahead[i];
      dts[i] = dt_ahead[i];
      dys[i] = dy_ahead[i];
    }
    put_shared(tiles, turn, ahead);
    __syncthreads();
    fetch_channel(x, x_time, first - CHUNK, time, active, x_ahead);
    fetch_channel(dt, dt_time, first - CHUNK, time, active, dt_ahead);
    fetch_channel(dy, dy_time, first - CHUNK, time, active, dy_ahead);
    ahead = fetch_shared(b, b_time, c, c_time, documents, first - CHUNK, time);

    float h[CHUNK + 1][EACH];
#pragma unroll
    for (int e = 0; e < EACH; e++) h[0][e] = start[e];
#pragma unroll
    for (int i = 0; i < CHUNK; i++) {
#pragma unroll
      for (int e = 0; e < EACH; e++) {
        float decay = exp2_fast(dts[i] * rate[e] * LOG2_E);
        if (DOCUMENTS) decay *= tiles.goes_on[turn][i];
        h[i + 1][e] = decay * h[i][e] + dts[i] * xs[i] * tiles.b[turn][i][part * EACH + e];
      }
    }

#pragma unroll
    for (int i = CHUNK - 1; i >= 0; i--) {
      float values[VALUES], of_added = 0.f, of_step = 0.f;
#pragma unroll
      for (int e = 0; e < EACH; e++) {
        float g = flow[e] + tiles.c[turn][i][part * EACH + e] * dys[i];
        values[e] = dys[i] * h[i + 1][e];
        values[EACH + e] = g * dts[i] * xs[i];
        of_added += g * tiles.b[turn][i][part * EACH + e];
        float decay = exp2_fast(dts[i] * rate[e] * LOG2_E);
        if (DOCUMENTS) decay *= tiles.goes_on[turn][i];
        flow[e] = decay * g;
        float log = flow[e] * h[i][e];
        rate_sum[e] += dts[i] * log;
        of_step += rate[e] * log;
      }
      of_added = over_parts(of_added);
      of_step = over_parts(of_step);
      if (active && part == 0 && first + i < time) {
        long long at = ((long long)item * time + first + i) * channels + channel;
        from_float(dts[i] * of_added, dx[at]);
        d_dt[at] = of_step + xs[i] * of_added;
      }
      int index = 0;
      OverChannels<VALUES, 16>::add(values, index);
#pragma unroll
      for (int r = 0; r < LEFT; r++) {
        int k = index + r;
        sums[threadIdx.x / 32][i][k / EACH * STATE + part * EACH + k % EACH] = values[r];
      }
    }
    __syncthreads();
    for (int j = threadIdx.x; j < CHUNK * 2 * STATE; j += THREADS) {
      int i = j / (2 * STATE), k = j % (2 * STATE);
      float sum = 0.f;
#pragma unroll
      for (int w = 0; w < WARPS; w++) sum += sums[w][i][k];
      if (first + i < time) shared_sums[(long long)(first + i) * 2 * STATE + k] = sum;
    }
    // The barrier of the next chunk is before anyone writes these sums again.
  }
  if (active) {
    store(rate_sums + item * states + own, rate_sum);
    if (d_initial) store(d_initial + item * states + own, flow);
  }
}
