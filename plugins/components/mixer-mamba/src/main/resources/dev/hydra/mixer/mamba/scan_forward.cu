// y and the last state, or the states before each chunk, which backward begins with; each unless null.

extern "C" __global__ void __launch_bounds__(THREADS) scan_forward(
    const Element* __restrict__ x, long long x_batch, long long x_time, const float* __restrict__ dt,
    long long dt_batch, long long dt_time, const float* __restrict__ a, const Element* __restrict__ b,
    long long b_batch, long long b_time, const Element* __restrict__ c, long long c_batch,
    long long c_time, const long long* __restrict__ documents, const float* __restrict__ initial,
    Element* __restrict__ y, float* __restrict__ before, float* __restrict__ last, int time,
    int channels) {
  __shared__ Tiles tiles;
  int item = blockIdx.y, part = threadIdx.x % PARTS;
  int channel = blockIdx.x * CHANNELS + threadIdx.x / PARTS;
  bool active = channel < channels;
  int chunks = (time + CHUNK - 1) / CHUNK;
  x += item * x_batch + channel;
  dt += item * dt_batch + channel;
  b += item * b_batch;
  c += item * c_batch;
  if (DOCUMENTS) documents += (long long)item * time;
  long long own = (long long)channel * STATE + part * EACH;
  long long states = (long long)channels * STATE;

  float rate[EACH], h[EACH];
#pragma unroll
  for (int e = 0; e < EACH; e++) {
    rate[e] = active ? a[own + e] * LOG2_E : 0.f;
    h[e] = active && initial ? initial[item * states + own + e] : 0.f;
  }

  float x_ahead[CHUNK], dt_ahead[CHUNK];
  fetch_channel(x, x_time, 0, time, active, x_ahead);
  fetch_channel(dt, dt_time, 0, time, active, dt_ahead);
  Shared ahead = fetch_shared(b, b_time, c, c_time, documents, 0, time);
  for (int z = 0; z < chunks; z++) {
    int first = z * CHUNK, turn = z % 2;
    float xs[CHUNK], dts[CHUNK];
#pragma unroll
    for (int i = 0; i < CHUNK; i++) {
      xs[i] = x_ahead[i];
      dts[i] = dt_ahead[i];
    }
    put_shared(tiles, turn, ahead);
    __syncthreads();
    fetch_channel(x, x_time, first + CHUNK, time, active, x_ahead);
    fetch_channel(dt, dt_time, first + CHUNK, time, active, dt_ahead);
    ahead = fetch_shared(b, b_time, c, c_time, documents, first + CHUNK, time);
    if (before && active) store(before + ((long long)item * chunks + z) * states + own, h);
#pragma unroll
    for (int i = 0; i < CHUNK; i++) {
      float added = dts[i] * xs[i], sum = 0.f;
#pragma unroll
      for (int e = 0; e < EACH; e++) {
        float decay = exp2_fast(dts[i] * rate[e]);
        if (DOCUMENTS) decay *= tiles.goes_on[turn][i];
        h[e] = decay * h[e] + added * tiles.b[turn][i][part * EACH + e];
        sum += tiles.c[turn][i][part * EACH + e] * h[e];
      }
      if (y) {
        sum = over_parts(sum);
        if (active && part == 0 && first + i < time)
          from_float(sum, y[((long long)item * time + first + i) * channels + channel]);
      }
    }
  }
  if (last && active) store(last + item * states + own, h);
}
