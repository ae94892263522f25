// y, the state before each tile for backward, and the state after the last token; each unless null.
// starts [batch][spans][channels][states] are the states before each span; zeros if null. With more
// than one slice, y is added up in sums [batch][time][channels], and is complete with the last.

extern "C" __global__ void __launch_bounds__(THREADS, 4) scan_forward(
    const Element* __restrict__ x, long long x_batch, long long x_time, const Element* __restrict__ dt,
    long long dt_batch, long long dt_time, const float* __restrict__ a, const Element* __restrict__ b,
    long long b_batch, long long b_time, const Element* __restrict__ c, long long c_batch,
    long long c_time, const float* __restrict__ bias, const float* __restrict__ skip, const long long* __restrict__ documents, const float* __restrict__ starts,
    Element* __restrict__ y, float* __restrict__ sums, float* __restrict__ before,
    float* __restrict__ last, int time, int channels, int states, int first_state, int tiles) {
  __shared__ __align__(16) ByChannel xs[2], dts[2];
  __shared__ __align__(16) ByState bs[2], cs[2];
  __shared__ __align__(16) float lefts[2][TOKENS];
  Walk walk(channels, time, first_state, states, tiles);
  x += walk.item * x_batch;
  dt += walk.item * dt_batch;
  b += walk.item * b_batch;
  c += walk.item * c_batch;
  if (documents) documents += (long long)walk.item * time;
  int own = threadIdx.x / PARTS, from = threadIdx.x % PARTS * EACH;

  float rate[EACH], h[EACH], skipping = walk.active ? skip[walk.channel] : 0.f;
  walk.rates(a, rate);
  walk.read(starts, (long long)walk.item * gridDim.z + blockIdx.z, h);

  Channels<false> x_ahead(x, x_time, walk);
  Steps<false> dt_ahead(dt, dt_time, bias, walk);
  States<false> b_ahead(b, b_time, walk, first_state), c_ahead(c, c_time, walk, first_state);
  float left_ahead;
  auto fetch = [&](int tile) {
    x_ahead.fetch();
    dt_ahead.fetch();
    b_ahead.fetch();
    c_ahead.fetch();
    left_ahead = fetch_left(documents, walk, tile);
  };
  fetch(walk.first);
  for (int tile = walk.first; tile < walk.end; tile++) {
    int turn = tile % 2;
    x_ahead.put(xs[turn]);
    dt_ahead.put(dts[turn]);
    b_ahead.put(bs[turn]);
    c_ahead.put(cs[turn]);
    if (threadIdx.x < TOKENS) lefts[turn][threadIdx.x] = left_ahead;
    __syncthreads();
    if (tile + 1 < walk.end) fetch(tile + 1);
    walk.write(before, (long long)walk.item * walk.all() + tile, h);
#pragma unroll 1
    for (int i = 0; i < TOKENS; i += CHUNK) {
      float x_of[CHUNK], dt_of[CHUNK], left[CHUNK], out[CHUNK];
      load_floats<CHUNK>(&xs[turn][own][i], x_of);
      load_floats<CHUNK>(&dts[turn][own][i], dt_of);
      load_floats<CHUNK>(&lefts[turn][i], left);
#pragma unroll
      for (int j = 0; j < CHUNK; j++) {
        float b_of[EACH], c_of[EACH], added = dt_of[j] * x_of[j];
        load_floats<EACH>(&bs[turn][i + j][from], b_of);
        load_floats<EACH>(&cs[turn][i + j][from], c_of);
        out[j] = 0.f;
#pragma unroll
        for (int e = 0; e < EACH; e++) {
          h[e] = exp2_fast(dt_of[j] * rate[e] + left[j]) * h[e] + added * b_of[e];
          out[j] += c_of[e] * h[e];
        }
      }
      int j = i + over_parts(out), t = tile * TOKENS + j;
      long long at = ((long long)walk.item * time + t) * channels + walk.channel;
#pragma unroll
      for (int f = 0; f < FEW; f++) {
        if (walk.active && t + f < time) {
          float sum = over_slices(out[f], sums, at, first_state);
          if (is_last_slice(first_state, states)) {
            from_float(sum + skipping * xs[turn][own][j + f], y[at]);
          } else {
            sums[at] = sum;
          }
        }
        at += channels;
      }
    }
  }
  if (blockIdx.z == gridDim.z - 1) walk.write(last, walk.item, h);
}
